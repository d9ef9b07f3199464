"""The one door to the Adversarial Robustness Toolbox: its lazy import, its random state, and our model inside it."""

import importlib
import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier
from spaces.errors import SetupError


def require_toolbox() -> None:
    """Check that ART is installed, without importing it.

    Raises:
        SetupError: it is not.
    """
    if importlib.util.find_spec("art") is None:
        raise _missing("adversarial-robustness-toolbox")


def art_module(name: str = "art.attacks.evasion") -> Any:
    """Import a module of ART, or one that imports ART.

    Raises:
        SetupError: ART is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ART warns of every framework that is not installed
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _missing(error.name or name) from None


def _missing(package: str) -> SetupError:
    return SetupError(
        f"the attacks of the Adversarial Robustness Toolbox need {package!r}, which is not installed: "
        "pip install 'cosearch[audit]'."
    )


@contextmanager
def seeded(rng: np.random.Generator) -> Iterator[None]:
    """Seed NumPy's global random state, which ART draws from, for the block; afterwards it is as it was."""
    before = np.random.get_state()
    np.random.seed(int(rng.integers(2**32)))
    try:
        yield
    finally:
        np.random.set_state(before)


def estimator(model: Classifier, shape: tuple[int, ...], n_classes: int) -> Any:
    """Return the model as an ART classifier with logits and class gradients."""
    return art_module("search.attacks.art.estimator").LogitEstimator(model, shape, n_classes)


def centered_estimator(model: Classifier, shape: tuple[int, ...], n_classes: int) -> Any:
    """Return the model's logits as a black-box ART classifier whose inputs are shifted to a range around zero.

    ART's ZOO clips its perturbation, not the perturbed input, to the classifier's range; on inputs in [0, 1] it could
    only ever brighten.
    """
    low, high = model.input_range
    middle, half = np.float32((low + high) / 2), (high - low) / 2

    def predict(shifted: Any) -> NDArray[np.float32]:
        return model.logits(np.clip(np.asarray(shifted, np.float32) + middle, low, high))

    blackbox = art_module("art.estimators.classification").BlackBoxClassifier
    made = blackbox(predict, input_shape=shape, nb_classes=n_classes, clip_values=(-half, half))
    made.channels_first = False
    return made
