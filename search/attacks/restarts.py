"""An attack run again and again from new random points, on what it has left."""

from dataclasses import dataclass

import numpy as np

from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Attack):
    """Runs another attack `restarts` times; the first time from where another radius ended, where there is one.

    Attributes:
        attack: what is run.
        restarts: runs in all, at least 1.
    """

    attack: Attack
    restarts: int

    @property
    def name(self) -> str:
        """Name of the attack that is run."""
        return self.attack.name

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
        """Return each example's iterate that broke, else the end of its last run."""
        found, active = start.copy(), np.arange(len(x))
        for restart in range(self.restarts):
            if not active.size:
                break
            origin = start if restart == 0 else x
            result = self.attack(model, x[active], y[active], threat, start=origin[active], rng=rng)
            found[active] = result.x
            active = active[~result.is_broken]
        return found
