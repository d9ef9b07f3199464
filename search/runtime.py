"""The one place where TensorFlow is imported: legacy Keras chosen first, memory growth on, seeds set.

Everything that needs TensorFlow writes `from search.runtime import tf`.
"""

import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from spaces.errors import SetupError

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise SetupError(
        "TensorFlow was imported before search with TF_USE_LEGACY_KERAS unset, so QKeras would meet Keras 3; "
        "set TF_USE_LEGACY_KERAS=1 in the environment, or import search.runtime first."
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_STDERR = 2


@contextmanager
def notices_held_back() -> Iterator[None]:
    """Hold back what TensorFlow's libraries write to stderr; it is shown if the block fails.

    They write before they read their log level, so no setting reaches these lines (oneDNN, missing CUDA drivers).
    Whoever sets TF_CPP_MIN_LOG_LEVEL to 0 or 1 sees them.
    """
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("0", "1"):
        yield
        return
    with tempfile.TemporaryFile() as held:
        stderr = os.dup(_STDERR)
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)


with notices_held_back():
    import tensorflow as tf

    if os.environ["TF_CPP_MIN_LOG_LEVEL"] not in ("0", "1"):
        tf.get_logger().setLevel("ERROR")  # Keras tells of models that were never compiled, as ours all are

    for _gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(_gpu, True)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's legacy generator and TensorFlow; the only place that does."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    tf.random.set_seed(seed)


__all__ = ["notices_held_back", "seed_everything", "tf"]
