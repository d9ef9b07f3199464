"""The sections of a study file that say how the search saves effort: early stopping and warm starts."""

from typing import Annotated, Literal

from pydantic import Field

from spaces.rungs import RungOrder
from spaces.spec_values import Boolean, Count, Integer, Positive, Section


class EarlyStoppingSpec(Section):
    """Whether trainings that fall behind are stopped at rungs, epochs at which trials are compared; docs/study-file.md.

    Attributes:
        mode: "off" trains every trial to its end; "rungs" lets the best 1/eta of those that reached a rung go on;
            "watch" measures and decides at every rung as "rungs" does and stores it, but lets all go on, so that
            `search.stopping_replay` can tell what stopping would have saved and lost.
        eta: the best 1/eta go on, and the rungs are a factor of eta apart.
        first_fraction: the first rung is not before this part of the epochs, in (0, 1).
        attack_examples: examples of the attack subset that a measurement at a rung attacks; by default 64, or all
            where the subset has fewer.
        order: what decides between trials that do not dominate each other: how much volume a trial adds to the
            others ("hypervolume"), or how far it is from them ("epsilon_net").
    """

    mode: Literal["off", "rungs", "watch"] = "off"
    eta: Annotated[Integer, Field(ge=2)] = 3
    first_fraction: Annotated[Positive, Field(lt=1)] = 0.25
    attack_examples: Count = 64
    order: RungOrder = "hypervolume"


class WarmStartSpec(Section):
    """What a study knows before its first trial, and what a trial takes over from earlier ones; docs/study-file.md.

    Attributes:
        priors: at most so many trials after the baselines are candidates that follow from the float parents'
            sensitivity to bits and from their Jacobian terms; 0 for none.
        inherit: whether a candidate starts from the weights of the nearest kept model of its topology where their loss
            is lower than that of the float parent's.
        study: another study of the same database whose best candidates are tried next; None for none.
        trials: at most so many of its candidates.
    """

    priors: Annotated[Integer, Field(ge=0)] = 0
    inherit: Boolean = False
    study: str | None = None
    trials: Count = 10

    @property
    def is_off(self) -> bool:
        """Whether nothing is known beforehand and nothing taken over."""
        return not self.priors and not self.inherit and self.study is None
