"""The one place where TensorFlow is imported: legacy Keras chosen first, memory growth on, seeds set.

Everything that needs TensorFlow writes `from search.runtime import tf`.
"""

import os
import random
import sys

import numpy as np

from spaces.errors import SetupError

if "tensorflow" in sys.modules and os.environ.get("TF_USE_LEGACY_KERAS") != "1":
    raise SetupError(
        "TensorFlow was imported before search with TF_USE_LEGACY_KERAS unset, so QKeras would meet Keras 3; "
        "set TF_USE_LEGACY_KERAS=1 in the environment, or import search.runtime first."
    )
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

for _gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(_gpu, True)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy's legacy generator and TensorFlow; the only place that does."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    tf.random.set_seed(seed)


__all__ = ["seed_everything", "tf"]
