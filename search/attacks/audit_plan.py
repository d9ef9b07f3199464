"""Which attacks an audit runs, in order, and the share of the examples that each of them sees."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from search.attacks.apgd import APGD, TargetedAPGD
from search.attacks.art.gradient import CarliniL2, DeepFool
from search.attacks.art.queries import ZOO, Boundary, HopSkipJump
from search.attacks.audit_effort import Effort
from search.attacks.base import Attack, Classifier
from search.attacks.fmn import FMN
from search.attacks.local_search import LocalSearch
from search.attacks.losses import Backward, Loss
from search.attacks.minimum_norm import MinimumNormAttack
from search.attacks.nes import NES
from search.attacks.noise import RandomNoise
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from search.attacks.square import Square
from search.attacks.transfer import Transfer
from spaces.norms import INPUT_NORMS, Norm

PLAN_VERSION = 5  # raised when an attack's code changes its results; settings are compared by themselves

_WORK_PER_QUERY = {Norm.LINF: 0.5, Norm.L2: 0.7}  # of Square and NES, in gradient evaluations

_L2_PER_LINF = 0.5  # of sqrt(d) * epsilon, the length of the L-inf cube's diagonal


class Scope(StrEnum):
    """Which examples an attack is run on.

    ALL: every one that is right when clean. SURVIVORS: those that the attacks before it in the same norm have left.
    BLACK_BOX: those that the black-box attacks before it in the same norm have left, so that all black-box attacks
    together have been run on every example, and their worst case stands by itself.
    SUBSET: the right ones of a fixed part of the examples, for slow attacks.
    """

    ALL = "all"
    SURVIVORS = "survivors"
    BLACK_BOX = "black_box"
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


def audit_plan(surrogates: Surrogates, *, input_step: float, effort: Effort) -> tuple[AuditStep, ...]:
    """Return the attacks of an audit in order: in each norm gradients, transfer, queries, noise; then ART's, then NES.

    What comes early is meant to leave little for the dear attacks on survivors.

    Args:
        surrogates: for the transfer attacks.
        input_step: smallest difference between two inputs, in input units, e.g. 1/255.
        effort: steps, queries, restarts and examples.
    """
    own = [step for norm in INPUT_NORMS for step in _own_attacks(effort, norm, surrogates)]
    queries, steps = effort.nes
    nes = NES(query_budget=queries, steps=steps, input_step=input_step)
    last = [
        AuditStep(attack=nes, norm=norm, scope=Scope.BLACK_BOX, work=_WORK_PER_QUERY[norm] * queries)
        for norm in INPUT_NORMS
    ]
    return (*own, *_art_attacks(effort, input_step), *last)


def _own_attacks(effort: Effort, norm: Norm, surrogates: Surrogates) -> list[AuditStep]:
    steps = effort.apgd_steps
    twin = APGD(steps=steps, loss=Loss.SCALED_CROSS_ENTROPY, backward=Backward.FLOAT_TWIN, label="apgd-twin")
    ratio = TargetedAPGD(steps=steps, n_targets=effort.ratio_targets, loss=Loss.TARGETED_DLR, label="apgd-t-dlr")
    nearest = TargetedAPGD(steps=steps, n_targets=effort.ce_targets, loss=Loss.CROSS_ENTROPY, label="apgd-t-ce")
    transfers = [
        Transfer(surrogate=surrogate, steps=effort.transfer_steps, label=label)
        for label, surrogate in (("transfer-float", surrogates.float_twin), ("transfer-sibling", surrogates.sibling))
    ]
    restarts = Restarted(attack=PGD(steps=effort.pgd_steps, label="pgd-restarts"), restarts=effort.further_restarts)
    per_query = _WORK_PER_QUERY[norm]
    local = LocalSearch(
        origin=PGD(steps=effort.pgd_steps), query_budget=effort.local_queries, drops_slow=False, label="pgd-local"
    )
    attacks: list[tuple[Attack | MinimumNormAttack, Scope, float]] = [
        (PGD(steps=effort.pgd_steps), Scope.ALL, 2.0 * effort.pgd_steps),
        (restarts, Scope.SURVIVORS, 1.3 * effort.pgd_steps * effort.further_restarts),
        (FMN(steps=effort.fmn_steps), Scope.ALL, effort.fmn_steps),
        (APGD(steps=steps, loss=Loss.CROSS_ENTROPY, label="apgd-ce"), Scope.SURVIVORS, 1.3 * steps),
        (APGD(steps=steps, loss=Loss.DLR, label="apgd-dlr"), Scope.SURVIVORS, 1.3 * steps),
        (twin, Scope.SURVIVORS, 1.5 * steps),
        (ratio, Scope.SURVIVORS, 1.3 * steps * effort.ratio_targets),
        (nearest, Scope.SURVIVORS, 1.3 * steps * effort.ce_targets),
        (local, Scope.SURVIVORS, 1.3 * effort.pgd_steps + per_query * effort.local_queries),
        *((transfer, Scope.ALL, 4.0 * effort.transfer_steps) for transfer in transfers),
        (Square(query_budget=effort.square_queries), Scope.BLACK_BOX, per_query * effort.square_queries),
        (RandomNoise(draws=effort.noise_draws), Scope.ALL, 2.0 * effort.noise_draws),
    ]
    return [AuditStep(attack=attack, norm=norm, scope=scope, work=work) for attack, scope, work in attacks]


def _art_attacks(effort: Effort, input_step: float) -> list[AuditStep]:
    carlini_steps, carlini_searches = effort.carlini
    zoo_steps, zoo_searches = effort.zoo
    hopskipjump = HopSkipJump(steps=effort.hopskipjump_steps)
    gradients, queries = effort.gradient_examples, effort.query_examples
    attacks: list[tuple[MinimumNormAttack, Norm, int, float]] = [
        (DeepFool(steps=effort.deepfool_steps), Norm.L2, gradients, 4 * effort.deepfool_steps),
        (
            CarliniL2(steps=carlini_steps, searches=carlini_searches),
            Norm.L2,
            gradients,
            4 * carlini_steps * carlini_searches,
        ),
        *((hopskipjump, norm, queries, 120 * effort.hopskipjump_steps) for norm in INPUT_NORMS),
        (Boundary(steps=effort.boundary_steps), Norm.L2, queries, 13 * effort.boundary_steps),
        (
            ZOO(steps=zoo_steps, searches=zoo_searches, difference=input_step),
            Norm.L2,
            queries,
            60 * zoo_steps * zoo_searches,
        ),
    ]
    return [
        AuditStep(attack=attack, norm=norm, scope=Scope.SUBSET, examples=examples, work=work)
        for attack, norm, examples, work in attacks
    ]
