"""Which attacks an audit runs on recordings, through the front end, and the radii of their balls."""

from search.attacks.apgd import APGD
from search.attacks.audit_effort import Effort
from search.attacks.audit_plan import AuditStep, Scope
from search.attacks.base import Attack
from search.attacks.losses import Backward, Loss
from search.attacks.noise import RandomNoise
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from spaces.norms import WAVEFORM_NORMS, Norm

WAVEFORM_STEPS = (4.0, 16.0, 64.0, 256.0)  # of 16 bits
SNR_DECIBELS = (40.0, 30.0, 20.0)

_WORK = 4.0  # of a gradient through the front end, in gradient evaluations of the network


def waveform_radii() -> dict[Norm, tuple[float, ...]]:
    """Return the radii on recordings, ascending; a ratio of s dB lets the noise have 10^(-s/20) of the signal."""
    return {Norm.WAVEFORM: WAVEFORM_STEPS, Norm.SNR: tuple(10 ** (-ratio / 20) for ratio in SNR_DECIBELS)}


def waveform_plan(effort: Effort) -> tuple[AuditStep, ...]:
    """Return the attacks on recordings in order, in both norms: gradients, then noise.

    Each recording has its own pattern of 16,000 samples, so attacks that are made for images (windows, squares) and
    those that ask for every coordinate are left out.
    """
    steps = effort.apgd_steps
    restarts = Restarted(attack=PGD(steps=effort.pgd_steps, label="pgd-restarts"), restarts=effort.further_restarts)
    twin = APGD(steps=steps, loss=Loss.SCALED_CROSS_ENTROPY, backward=Backward.FLOAT_TWIN, label="apgd-twin")
    attacks: list[tuple[Attack, Scope, float]] = [
        (PGD(steps=effort.pgd_steps), Scope.ALL, 2 * effort.pgd_steps),
        (restarts, Scope.SURVIVORS, 1.3 * effort.pgd_steps * effort.further_restarts),
        (APGD(steps=steps, loss=Loss.CROSS_ENTROPY, label="apgd-ce"), Scope.SURVIVORS, 1.3 * steps),
        (twin, Scope.SURVIVORS, 1.5 * steps),
        (RandomNoise(draws=effort.noise_draws), Scope.ALL, effort.noise_draws),
    ]
    return tuple(
        AuditStep(attack=attack, norm=norm, scope=scope, work=_WORK * work)
        for norm in WAVEFORM_NORMS
        for attack, scope, work in attacks
    )
