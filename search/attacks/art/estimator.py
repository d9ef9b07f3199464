"""Our compiled model as an ART classifier; importing this module imports ART."""

from typing import Any

import numpy as np
from art.attacks.evasion import HopSkipJump, ZooAttack
from art.estimators import BaseEstimator
from art.estimators.classification.classifier import ClassGradientsMixin, ClassifierMixin
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs
from search.attacks.losses import Backward, Loss

_QUERY_BATCH = 512
_SAME_QUERIES = 3  # in a row, after which a step has vanished


class LogitEstimator(ClassGradientsMixin, ClassifierMixin, BaseEstimator):
    """Calls our compiled functions; ART's own TensorFlow estimators run eagerly, five to ten times slower."""

    channels_first = False

    def __init__(self, model: Classifier, shape: tuple[int, ...], n_classes: int) -> None:
        """Wrap a model.

        Args:
            model: the model under attack.
            shape: of one input.
            n_classes: number of logits.
        """
        super().__init__(model=model, clip_values=model.input_range)
        self.nb_classes = n_classes
        self._shape = shape

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self._shape

    def predict(self, x: Any, **_: Any) -> NDArray[np.float32]:
        """Return logits, in one call: the model cuts batches itself."""
        model: Classifier = self.model
        return model.logits(np.asarray(x, np.float32))

    def class_gradient(self, x: Any, label: Any = None, **_: Any) -> NDArray[np.float32]:
        """Return gradients of the logits, up to one common summand an example: [n, n_classes or 1, ...]."""
        inputs = np.asarray(x, np.float32)
        if label is None:
            columns = [self._gradient(inputs, np.full(len(inputs), c)) for c in range(self.nb_classes)]
            return np.stack(columns, axis=1)
        return self._gradient(inputs, np.broadcast_to(np.asarray(label), len(inputs)))[:, None]

    def fit(self, *_: Any, **__: Any) -> None:
        """Never called by an evasion attack."""
        raise NotImplementedError

    def _gradient(self, x: Inputs, classes: NDArray[np.int64]) -> Inputs:
        """Return dz_c/dx - sum_k softmax(z)_k dz_k/dx for each example's class c: minus its cross-entropy's gradient.

        The second term is the same for every c and drops out of differences, which are all that ART's attacks take.
        """
        model: Classifier = self.model
        labels = classes.astype(np.int64)
        return -model.loss_gradient(x, labels, loss=Loss.CROSS_ENTROPY, backward=Backward.SURROGATE)[1]


class AdditiveZoo(ZooAttack):
    """ZOO without two faults of ART's.

    ART adds its whole perturbation anew at every step; this adds what the step changed. ART runs every query through
    a spline zoom, which is most of its time and changes nothing at the input's own size; this does not.
    """

    def _loss(self, x: Any, x_adv: Any, target: Any, c_weight: Any) -> tuple[Any, Any, Any]:
        lengths = np.sum(np.square(x - x_adv).reshape(len(x_adv), -1), axis=1)
        logits = self.estimator.predict(x_adv, batch_size=_QUERY_BATCH)
        right = np.sum(logits * target, axis=1)
        best_wrong = np.max(np.where(target > 0, -np.inf, logits), axis=1)
        return logits, lengths, c_weight * np.maximum(right - best_wrong, 0) + lengths

    def _optimizer(self, x: Any, targets: Any, c_batch: Any) -> Any:
        before = self._current_noise.copy()
        return super()._optimizer(x, targets, c_batch) - before


class EndingHopSkipJump(HopSkipJump):
    """HopSkipJump that ends on models that round.

    ART halves a step until its end is adversarial. Where the point that it leaves from is not, because the last bit of
    a coordinate went the other way than when the point was found, it halves for ever. This goes back to the last point
    that was seen to be adversarial.
    """

    def _attack(self, initial_sample: Any, original_sample: Any, *rest: Any) -> Any:
        self._found = np.array(initial_sample)
        self._asked, self._n_same = np.zeros(0), 0
        return super()._attack(initial_sample, original_sample, *rest)

    def _adversarial_satisfactory(self, samples: Any, target: Any, clip_min: Any, clip_max: Any) -> Any:
        satisfied = super()._adversarial_satisfactory(samples, target, clip_min, clip_max)
        if len(samples) > 1 or not hasattr(self, "_found"):
            return satisfied
        self._n_same = self._n_same + 1 if np.array_equal(samples, self._asked) else 0
        self._asked = samples.copy()
        if satisfied.all():
            self._found = samples[0].copy()
        elif self._n_same >= _SAME_QUERIES:
            samples[0] = self._found  # a view of the point that ART goes on from
            satisfied = np.ones_like(satisfied)
        return satisfied
