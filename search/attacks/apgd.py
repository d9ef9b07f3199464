"""APGD (Croce and Hein 2020, arXiv 2003.01690): PGD with momentum whose step halves where progress stalls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel, is_broken, project
from search.attacks.geometry import ascent_step, per_example, starting_points
from search.attacks.loss_values import loss_values
from search.attacks.losses import Backward, Loss
from spaces.errors import SpecError

_MOMENTUM = 0.75
_PROGRESS = 0.75  # rho: a step that raises the loss less often than this is too long
_FIRST_CHECK, _CHECK_DECREASE, _CHECK_LEAST = 0.22, 0.03, 0.06  # of the steps

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class APGD(Attack):
    """APGD against the label; examples that broke are not touched again.

    Attributes:
        steps: gradient evaluations.
        loss: what is raised.
        backward: the network that the gradients go through.
        label: short name, as stored and shown.
    """

    steps: int
    loss: Loss
    backward: Backward = Backward.SURROGATE
    label: str = "apgd"

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return self.label

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's iterate that broke, else the one with the largest loss."""
        aim = _Aim(loss=self.loss, backward=self.backward)
        begin = starting_points(x, start, threat, input_range=model.input_range, rng=rng)
        return _climb(model, x, y, y, threat, aim=aim, steps=self.steps, begin=begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetedAPGD(Attack):
    """APGD towards each of the classes that come closest to the label when clean, one after the other.

    Attributes:
        steps: gradient evaluations for each class.
        n_targets: classes that are tried, at most all wrong ones.
        loss: TARGETED_DLR, or CROSS_ENTROPY, which is lowered on the target.
        label: short name, as stored and shown.
    """

    steps: int
    n_targets: int
    loss: Loss = Loss.TARGETED_DLR
    label: str = "apgd-t"

    def __post_init__(self) -> None:
        if self.loss not in (Loss.TARGETED_DLR, Loss.CROSS_ENTROPY):
            raise SpecError(f"targeted APGD takes TARGETED_DLR or CROSS_ENTROPY; got {self.loss.name}.")

    @property
    def name(self) -> str:
        """Short name, as stored and shown."""
        return self.label

    def run(
        self,
        model: Classifier,
        x: Inputs,
        y: Labels,
        threat: ThreatModel,
        *,
        start: Inputs,
        rng: np.random.Generator,
    ) -> Inputs:
        """Return each example's iterate that broke, else the end of its last climb."""
        logits = model.logits(x)
        logits[np.arange(len(y)), y] = -np.inf
        targets = np.argsort(-logits, axis=1, kind="stable")[:, : min(self.n_targets, logits.shape[1] - 1)]
        found, active = start.copy(), np.arange(len(x))
        aim = _Aim(loss=self.loss, backward=Backward.SURROGATE, is_targeted=True)
        for column in range(targets.shape[1]):
            if not active.size:
                break
            aims = targets[active, column].astype(np.int64)
            origin = start if column == 0 else x  # later classes begin afresh: the start leans to the first one
            begin = starting_points(x[active], origin[active], threat, input_range=model.input_range, rng=rng)
            found[active] = _climb(model, x[active], y[active], aims, threat, aim=aim, steps=self.steps, begin=begin)
            active = active[~is_broken(model.logits(found[active]), y[active])]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aim:
    """What is raised."""

    loss: Loss
    backward: Backward
    is_targeted: bool = False

    def ask(
        self, model: Classifier, x: Inputs, y: Labels, targets: Labels
    ) -> tuple[NDArray[np.float32], Values, Inputs]:
        """Return logits, the values to be raised and their gradients."""
        if self.is_targeted and self.loss is Loss.CROSS_ENTROPY:
            logits, gradient = model.loss_gradient(x, targets, loss=self.loss, backward=self.backward)
            return logits, -loss_values(logits, targets, loss=self.loss), -gradient
        logits, gradient = model.loss_gradient(x, y, loss=self.loss, backward=self.backward, targets=targets)
        return logits, loss_values(logits, y, loss=self.loss, targets=targets), gradient


@dataclass(slots=True, kw_only=True)
class _State:
    """The examples that are still climbing; every field has one entry for each."""

    rows: NDArray[np.intp]
    current: Inputs
    previous: Inputs
    gradient: Inputs
    best: Inputs
    best_gradient: Inputs
    best_value: Values
    value_at_check: Values
    step_size: Values
    was_halved: NDArray[np.bool_]
    history: NDArray[np.float32]  # [n_active, steps + 1]

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the others."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name)[kept])

    def note(self, step: int, values: Values, gradient: Inputs) -> None:
        """Take over the loss and the gradient at the current points."""
        self.gradient = gradient
        self.history[:, step] = values
        improved = values > self.best_value
        self.best[improved], self.best_gradient[improved] = self.current[improved], gradient[improved]
        self.best_value[improved] = values[improved]

    def halve_where_stalled(self, step: int, window: int) -> None:
        """Halve the step and go back to the best point where the last `window` steps rarely raised the loss."""
        recent = self.history[:, step - window : step + 1]
        rises = (recent[:, 1:] > recent[:, :-1]).sum(axis=1)
        no_gain = ~self.was_halved & (self.value_at_check >= self.best_value)
        stalled = (rises <= window * _PROGRESS) | no_gain
        self.was_halved = stalled
        self.value_at_check = self.best_value.copy()
        self.step_size[stalled] /= 2
        self.current[stalled], self.gradient[stalled] = self.best[stalled], self.best_gradient[stalled]


def _climb(
    model: Classifier,
    x: Inputs,
    y: Labels,
    targets: Labels,
    threat: ThreatModel,
    *,
    aim: _Aim,
    steps: int,
    begin: Inputs,
) -> Inputs:
    """Return each example's iterate that broke, else the one with the largest loss."""
    found = begin.copy()
    logits, values, gradient = aim.ask(model, begin, y, targets)
    state = _State(
        rows=np.arange(len(x)),
        current=begin,
        previous=begin.copy(),
        gradient=gradient,
        best=begin.copy(),
        best_gradient=gradient.copy(),
        best_value=values.copy(),
        value_at_check=values.copy(),
        step_size=np.full(len(x), 2 * threat.epsilon, np.float32),
        was_halved=np.ones(len(x), bool),
        history=np.tile(values[:, None], (1, steps + 1)),
    )
    _settle(state, found, logits, y)
    window, since_check = max(int(_FIRST_CHECK * steps), 1), 0
    for step in range(1, steps + 1):
        if not state.rows.size:
            return found
        moved = _moved(state, x[state.rows], threat, model.input_range, momentum=1.0 if step == 1 else _MOMENTUM)
        state.previous, state.current = state.current.copy(), moved
        logits, values, gradient = aim.ask(model, moved, y[state.rows], targets[state.rows])
        state.note(step, values, gradient)
        _settle(state, found, logits, y)
        since_check += 1
        if since_check == window:
            state.halve_where_stalled(step, window)
            window = max(window - int(_CHECK_DECREASE * steps), int(_CHECK_LEAST * steps), 1)
            since_check = 0
    found[state.rows] = state.best
    return found


def _settle(state: _State, found: Inputs, logits: NDArray[np.float32], y: Labels) -> None:
    """Store the examples that broke and stop climbing with them."""
    broken = is_broken(logits, y[state.rows])
    found[state.rows[broken]] = state.current[broken]
    if broken.any():
        state.keep(~broken)


def _moved(
    state: _State, x: Inputs, threat: ThreatModel, input_range: tuple[float, float], *, momentum: float
) -> Inputs:
    """Return the next points: a projected ascent step, mixed with the last move, projected again."""

    def inside(points: Inputs) -> Inputs:
        return project(points, x, epsilon=threat.epsilon, input_range=input_range, norm=threat.norm)

    unit = ascent_step(np.zeros_like(x), state.gradient, size=1.0, norm=threat.norm)
    stepped = inside(state.current + per_example(state.step_size, x) * unit)
    mixed = (
        state.current
        + np.float32(momentum) * (stepped - state.current)
        + np.float32(1 - momentum) * (state.current - state.previous)
    )
    return inside(mixed)
