"""Which attacks an audit runs, in order, with their settings and the share of the examples they see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from search.attacks.apgd import APGD, TargetedAPGD
from search.attacks.art.gradient import CarliniL2, DeepFool
from search.attacks.art.queries import ZOO, Boundary, HopSkipJump
from search.attacks.base import Attack, Classifier
from search.attacks.fmn import FMN
from search.attacks.losses import Backward, Loss
from search.attacks.minimum_norm import MinimumNormAttack
from search.attacks.noise import RandomNoise
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from search.attacks.square import Square
from search.attacks.transfer import Transfer
from spaces.norms import Norm

PLAN_VERSION = 1  # raised when an attack's code changes its results; settings are compared by themselves

_CE_TARGETS = 3  # of the nearest classes, after all of them were tried on the ratio loss
_L2_PER_LINF = 0.5  # of sqrt(d) * epsilon, the length of the L-inf cube's diagonal


class Scope(StrEnum):
    """Which examples an attack is run on.

    ALL: every one that is right when clean. SURVIVORS: those that the attacks before it in the same norm have left.
    SUBSET: the right ones of a fixed part of the examples, for slow attacks.
    """

    ALL = "all"
    SURVIVORS = "survivors"
    SUBSET = "subset"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStep:
    """One attack of the plan.

    Attributes:
        attack: what is run; a minimum-norm attack gives distances, another is run radius by radius.
        norm: in which it is run.
        scope: on which examples.
        examples: size of the subset, for that scope.
        work: time an example, in gradient evaluations, as measured on CIFAR-10: for the estimate of the time left.
    """

    attack: Attack | MinimumNormAttack
    norm: Norm
    scope: Scope = Scope.ALL
    examples: int | None = None
    work: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrogates:
    """Networks whose adversarial examples are shown to the audited one.

    Attributes:
        float_twin: the same weights without quantization.
        sibling: the same weights at other bits.
    """

    float_twin: Classifier
    sibling: Classifier


def l2_radii(epsilons: Sequence[float], n_coordinates: int) -> tuple[float, ...]:
    """Return the L2 radii that go with L-inf radii: epsilon * sqrt(d) / 2.

    For d = 32 * 32 * 3 and {0.5, 1, 2, 4, 8}/255 these are {0.05, 0.11, 0.22, 0.43, 0.87}, the usual range.
    """
    return tuple(epsilon * math.sqrt(n_coordinates) * _L2_PER_LINF for epsilon in epsilons)


def audit_plan(surrogates: Surrogates, *, input_step: float, quick: bool) -> tuple[AuditStep, ...]:
    """Return the attacks of an audit in order: cheap before dear, survivors after what should leave few.

    Args:
        surrogates: for the transfer attacks.
        input_step: smallest difference between two inputs, in input units, e.g. 1/255.
        quick: about a tenth of the work.
    """
    effort = _QUICK if quick else _FULL
    steps: list[AuditStep] = []
    for norm in Norm:
        steps += _own_attacks(effort, norm, surrogates)
    return (*steps, *_art_attacks(effort, input_step))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effort:
    """How hard each attack tries."""

    pgd_steps: int
    pgd_restarts: int
    apgd_steps: int
    targets: int
    fmn_steps: int
    square_queries: int
    transfer_steps: int
    noise_draws: int
    carlini: tuple[int, int]  # steps, searches
    deepfool_steps: int
    hopskipjump_steps: int
    boundary_steps: int
    zoo: tuple[int, int]  # steps, searches
    gradient_examples: int
    query_examples: int


_FULL = _Effort(
    pgd_steps=50,
    pgd_restarts=5,
    apgd_steps=100,
    targets=9,
    fmn_steps=100,
    square_queries=5000,
    transfer_steps=30,
    noise_draws=100,
    carlini=(50, 6),
    deepfool_steps=50,
    hopskipjump_steps=64,
    boundary_steps=400,
    zoo=(200, 2),
    gradient_examples=100,
    query_examples=20,
)
_QUICK = _Effort(
    pgd_steps=25,
    pgd_restarts=1,
    apgd_steps=25,
    targets=3,
    fmn_steps=25,
    square_queries=500,
    transfer_steps=10,
    noise_draws=10,
    carlini=(25, 3),
    deepfool_steps=25,
    hopskipjump_steps=16,
    boundary_steps=100,
    zoo=(60, 2),
    gradient_examples=20,
    query_examples=5,
)


def _own_attacks(effort: _Effort, norm: Norm, surrogates: Surrogates) -> list[AuditStep]:
    steps = [
        AuditStep(attack=RandomNoise(draws=effort.noise_draws), norm=norm, work=effort.noise_draws * 1.5),
        AuditStep(
            attack=Transfer(surrogate=surrogates.float_twin, steps=effort.transfer_steps, label="transfer-float"),
            norm=norm,
            work=effort.transfer_steps * 3.5,
        ),
        AuditStep(
            attack=Transfer(surrogate=surrogates.sibling, steps=effort.transfer_steps, label="transfer-sibling"),
            norm=norm,
            work=effort.transfer_steps * 3.5,
        ),
        AuditStep(attack=FMN(steps=effort.fmn_steps), norm=norm, work=effort.fmn_steps),
        AuditStep(
            attack=Restarted(attack=PGD(steps=effort.pgd_steps), restarts=effort.pgd_restarts),
            norm=norm,
            work=effort.pgd_steps * effort.pgd_restarts * 1.2,
        ),
        AuditStep(
            attack=APGD(steps=effort.apgd_steps, loss=Loss.CROSS_ENTROPY, label="apgd-ce"),
            norm=norm,
            work=effort.apgd_steps,
        ),
        AuditStep(
            attack=APGD(steps=effort.apgd_steps, loss=Loss.DLR, label="apgd-dlr"), norm=norm, work=effort.apgd_steps
        ),
        AuditStep(
            attack=APGD(
                steps=effort.apgd_steps,
                loss=Loss.SCALED_CROSS_ENTROPY,
                backward=Backward.FLOAT_TWIN,
                label="apgd-twin",
            ),
            norm=norm,
            scope=Scope.SURVIVORS,
            work=effort.apgd_steps * 1.5,
        ),
    ]
    for label, loss, targets in (
        ("apgd-t-dlr", Loss.TARGETED_DLR, effort.targets),
        ("apgd-t-ce", Loss.CROSS_ENTROPY, min(effort.targets, _CE_TARGETS)),
    ):
        targeted = TargetedAPGD(steps=effort.apgd_steps, n_targets=targets, loss=loss, label=label)
        work = effort.apgd_steps * targets * 2
        steps.append(AuditStep(attack=targeted, norm=norm, scope=Scope.SURVIVORS, work=work))
    if norm is Norm.LINF:
        square = Square(query_budget=effort.square_queries)
        steps.append(AuditStep(attack=square, norm=norm, scope=Scope.SURVIVORS, work=effort.square_queries * 0.4))
    return steps


def _art_attacks(effort: _Effort, input_step: float) -> list[AuditStep]:
    carlini_steps, carlini_searches = effort.carlini
    zoo_steps, zoo_searches = effort.zoo
    hopskipjump = HopSkipJump(steps=effort.hopskipjump_steps)
    return [
        _subset(DeepFool(steps=effort.deepfool_steps), Norm.L2, effort.gradient_examples, 4 * effort.deepfool_steps),
        _subset(
            CarliniL2(steps=carlini_steps, searches=carlini_searches),
            Norm.L2,
            effort.gradient_examples,
            4 * carlini_steps * carlini_searches,
        ),
        *(_subset(hopskipjump, norm, effort.query_examples, 120 * effort.hopskipjump_steps) for norm in Norm),
        _subset(Boundary(steps=effort.boundary_steps), Norm.L2, effort.query_examples, 13 * effort.boundary_steps),
        _subset(
            ZOO(steps=zoo_steps, searches=zoo_searches, difference=input_step),
            Norm.L2,
            effort.query_examples,
            60 * zoo_steps * zoo_searches,
        ),
    ]


def _subset(attack: MinimumNormAttack, norm: Norm, examples: int, work: float) -> AuditStep:
    return AuditStep(attack=attack, norm=norm, scope=Scope.SUBSET, examples=examples, work=work)
