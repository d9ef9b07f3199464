"""ART's minimum-norm attacks that take gradients, with settings that are not its weak defaults."""

from dataclasses import dataclass

import numpy as np

from search.attacks.art.toolbox import art_module, estimator, seeded
from search.attacks.base import Classifier, Inputs, Labels
from search.attacks.minimum_norm import MinimumNormAttack
from spaces.norms import Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class CarliniL2(MinimumNormAttack):
    """C&W (Carlini and Wagner 2017): distance plus c * margin in tanh space, c by binary search.

    Attributes:
        steps: of the optimizer for each c (ART's default is 10).
        searches: values of c.
        step_size: first step of ART's line search.
    """

    steps: int
    searches: int
    step_size: float = 0.1

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "art-cw"

    def run(self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator) -> Inputs:  # noqa: ARG002
        """Return what ART found."""
        n_classes = model.logits(x[:1]).shape[1]
        attack = art_module().CarliniL2Method(
            estimator(model, x.shape[1:], n_classes),
            max_iter=self.steps,
            binary_search_steps=self.searches,
            learning_rate=self.step_size,
            initial_const=1.0,
            batch_size=len(x),
            verbose=False,
        )
        with seeded(rng):
            return np.asarray(attack.generate(x, y), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepFool(MinimumNormAttack):
    """DeepFool (Moosavi-Dezfooli et al. 2016): steps to the nearest boundary of the linearized model.

    Attributes:
        steps: at most so many.
        overshoot: beyond the linearized boundary, as in the paper (ART's default, 1e-6, stops short of it).
    """

    steps: int
    overshoot: float = 0.02

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return "art-deepfool"

    def run(self, model: Classifier, x: Inputs, y: Labels, norm: Norm, *, rng: np.random.Generator) -> Inputs:  # noqa: ARG002
        """Return what ART found."""
        n_classes = model.logits(x[:1]).shape[1]
        attack = art_module().DeepFool(
            estimator(model, x.shape[1:], n_classes),
            max_iter=self.steps,
            epsilon=self.overshoot,
            nb_grads=n_classes,
            batch_size=len(x),
            verbose=False,
        )
        with seeded(rng):
            return np.asarray(attack.generate(x, y), np.float32)
