"""The sections of a study file that say how candidates and their float parent are trained."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from spaces.spec_values import (
    Boolean,
    Count,
    Epsilon,
    Epsilons,
    NonNegative,
    NonNegativeChoices,
    Positive,
    PositiveChoices,
    Section,
)


def _power_of_two(value: float) -> float:
    if math.frexp(value)[0] != 0.5:
        raise ValueError(
            "must be a power of two such as 0.5, 1 or 4, which the integer codes of the last layer do not notice; "
            f"got {value:g}"
        )
    return value


class TrainingSpec(Section):
    """How a candidate is trained; a list of values makes a setting part of the search.

    Attributes:
        epochs: epochs of quantization-aware training, the trial's fidelity.
        batch_size: examples of a training step.
        learning_rate: step size of the optimizer.
        weight_decay: weight decay of the optimizer; 0 is off.
        start: "parent" starts from the float parent's weights, "scratch" from random ones.
        jr_fraction: part of each batch that the Jacobian term looks at, in (0, 1]; the estimate stays unbiased.
        jr_every: the Jacobian term is taken every k-th step with k times its weight.
        adversarial_weight: share of the loss taken on single-step adversarial examples, in [0, 1]; 0 is off.
        adversarial_epsilon: L-inf radius of those examples, in input units; a list makes it part of the search.
        logit_scale: power of two by which the logits are multiplied once the training is done. Predictions, and attacks
            on margins, do not depend on it; attacks on plain cross-entropy do, and adversarial training leaves logits
            so close together that those overrate the model (the check `logit_temperature`).
    """

    epochs: Count = 3
    batch_size: Count = 128
    start: Literal["parent", "scratch"] = "parent"
    learning_rate: PositiveChoices = (1e-3,)
    weight_decay: NonNegative = 1e-4
    jr_fraction: Annotated[Positive, Field(le=1)] = 1.0
    jr_every: Count = 1
    adversarial_weight: NonNegativeChoices = (0.0,)
    adversarial_epsilon: Epsilon | Epsilons | None = None
    logit_scale: Annotated[Positive, AfterValidator(_power_of_two)] = 1.0

    @model_validator(mode="after")
    def _adversarial_training(self) -> Self:
        _check_adversarial(max(self.adversarial_weight), self.adversarial_epsilon)
        return self

    @property
    def adversarial_epsilons(self) -> tuple[float, ...]:
        """The radii of adversarial examples that a candidate may be trained at; none where there is none."""
        epsilon = self.adversarial_epsilon
        return epsilon if isinstance(epsilon, tuple) else () if epsilon is None else (epsilon,)

    def choices(self) -> dict[str, tuple[float, ...]]:
        """Return the searched training settings by name; one radius alone is no choice and no parameter."""
        choices = {"learning_rate": self.learning_rate, "adversarial_weight": self.adversarial_weight}
        if isinstance(self.adversarial_epsilon, tuple):
            choices["adversarial_epsilon"] = self.adversarial_epsilon
        return choices

    def identity(self) -> dict[str, Any]:
        """Return what decides the training; a scale of 1 leaves no trace, as in `StudySpec.identity`."""
        return self.model_dump(mode="json", exclude={"logit_scale"} if self.logit_scale == 1 else set())


class ParentSpec(Section):
    """The float network that candidates start from: trained here, or read from the user's `.h5` file.

    Attributes:
        file: the user's weights; None for random ones.
        tune: whether training goes on from the file's weights for `epochs`; else they are taken as they are.
        epochs, learning_rate, batch_size: of the training.
        adversarial_weight, adversarial_epsilon: share of the loss taken on single-step adversarial examples, in
            [0, 1], and their L-inf radius in input units, as in `TrainingSpec`.
        adversarial_ramp_epochs: epochs in which the radius grows linearly from 0: from random weights a training on
            attacked examples alone may stay with one answer for all (SVHN does). Andriushchenko and Flammarion 2020.
    """

    file: str | None = None
    tune: Boolean = False
    epochs: Count = 15
    learning_rate: Positive = 2e-3
    batch_size: Count = 128
    adversarial_weight: NonNegative = 0.0
    adversarial_epsilon: Epsilon | None = None
    adversarial_ramp_epochs: Annotated[int, Field(ge=0)] = 0

    @property
    def is_trained(self) -> bool:
        """Whether there is a training here, from random weights or from those of the file."""
        return self.file is None or self.tune

    @model_validator(mode="after")
    def _settings_are_used(self) -> Self:
        _check_adversarial(self.adversarial_weight, self.adversarial_epsilon)
        if self.tune and self.file is None:
            raise ValueError("tune = true needs file, the weights that the training goes on from")
        if self.adversarial_weight > 0 and not self.is_trained:
            raise ValueError(
                f"adversarial_weight = {self.adversarial_weight:g} would be ignored, because the weights of file are "
                "taken as they are; set tune = true to train on from them, or leave adversarial_weight out"
            )
        if self.adversarial_ramp_epochs > 0 and self.adversarial_weight == 0:
            raise ValueError(
                f"adversarial_ramp_epochs = {self.adversarial_ramp_epochs} would be ignored, because no example is "
                "attacked; set adversarial_weight > 0, or leave adversarial_ramp_epochs out"
            )
        if self.adversarial_ramp_epochs > self.epochs:
            raise ValueError(
                f"adversarial_ramp_epochs = {self.adversarial_ramp_epochs} ends after the training, which has epochs = "
                f"{self.epochs}; the radius would never be reached"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Return what decides the parent; settings that are off leave no trace, as in `StudySpec.identity`."""
        unused = {"adversarial_weight", "adversarial_epsilon"} if self.adversarial_weight == 0 else set()
        unused |= set() if self.tune else {"tune"}
        unused |= set() if self.adversarial_ramp_epochs else {"adversarial_ramp_epochs"}
        return self.model_dump(mode="json", exclude=unused)


def _check_adversarial(weight: float, epsilon: object) -> None:
    if weight > 1:
        raise ValueError(f"adversarial_weight must lie in [0, 1]; got {weight}")
    if weight > 0 and epsilon is None:
        raise ValueError("adversarial_weight > 0 needs adversarial_epsilon, the radius of the training examples")
