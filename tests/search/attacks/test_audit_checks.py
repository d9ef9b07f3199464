"""Each check of an audit: its value by hand, and a case in which it fires."""

from dataclasses import replace

import numpy as np
import pytest

from search.attacks.apgd import APGD
from search.attacks.audit_checks import Audited, audit_checks
from search.attacks.audit_effort import QUICK
from search.attacks.audit_plan import AuditStep, Scope
from search.attacks.audit_suite import Target, run_step
from search.attacks.base import Inputs, Labels
from search.attacks.losses import Backward, Loss
from search.attacks.pgd import PGD
from spaces.audit import AttackOutcome, Flags
from spaces.check_result import CheckResult
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import Astray, LinearModel, minimal_radii, two_class_problem

EPSILONS = {Norm.LINF: (0.005, 0.01, 0.02), Norm.L2: (0.02, 0.04, 0.08)}
N = 60


def make_target(model: LinearModel | None = None) -> Target:
    linear, x, y = two_class_problem(n=N)
    is_right = np.arange(N) >= 10
    return Target(
        model=model or linear,  # type: ignore[arg-type]
        x=x,
        y=np.where(is_right, y, 1 - y),
        is_right=is_right,
        epsilons=EPSILONS,
        seed=5,
    )


def outcome(name: str, broken: Flags, tried: Flags, norm: Norm = Norm.LINF) -> AttackOutcome:
    return AttackOutcome(name=name, norm=norm, epsilons=EPSILONS[norm], n_examples=N, tried=tried, broken=broken)


def pgd_outcomes(target: Target) -> list[AttackOutcome]:
    steps = [AuditStep(attack=PGD(steps=QUICK.pgd_steps), norm=norm, work=1.0) for norm in INPUT_NORMS]
    found = [run_step(step, target, [], position=0) for step in steps]
    again = PGD(steps=5, label="pgd-restarts")
    restarts = [
        run_step(AuditStep(attack=again, norm=item.norm, scope=Scope.SURVIVORS, work=1.0), target, [item], position=1)
        for item in found
    ]
    return [*found, *restarts]


def named(checks: tuple[CheckResult, ...]) -> dict[str, CheckResult]:
    return {check.name: check for check in checks}


def examine(target: Target, outcomes: list[AttackOutcome], **changes) -> dict[str, CheckResult]:
    audited = Audited(
        target=target, outcomes=outcomes, effort=QUICK, saturation={"relu": 0.2, "relu_1": 0.1}, search_steps=4
    )
    return named(audit_checks(replace(audited, **changes)))


def test_no_check_fires_on_a_linear_model_whose_attacks_are_exact() -> None:
    target = make_target()
    told: list[float] = []
    audited = Audited(target=target, outcomes=pgd_outcomes(target), effort=QUICK, saturation={}, search_steps=4)
    checks = audit_checks(audited, on_progress=told.append)
    assert [check.name for check in checks if not check.passed] == []
    assert len(checks) == len(named(checks)) == 17
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.fixture(scope="module")
def target() -> Target:
    return make_target()


@pytest.fixture(scope="module")
def found(target: Target) -> list[AttackOutcome]:
    return pgd_outcomes(target)


def withheld(found: list[AttackOutcome], name: str, rows: slice, norm: Norm = Norm.LINF) -> list[AttackOutcome]:
    """Take successes at all radii from one attack, as if it had not found them."""
    changed = []
    for item in found:
        broken = item.broken.copy()
        if (item.name, item.norm) == (name, norm):
            broken[:, rows] = False
        changed.append(replace(item, broken=broken))
    return changed


def test_twice_the_steps_counts_what_the_shorter_run_left(target: Target, found: list[AttackOutcome]) -> None:
    weaker = withheld(found, "pgd", slice(0, 40))
    missed = found[0].broken[:, :40].sum(axis=1).max() / N
    check = examine(target, weaker)["twice_the_steps"]
    assert check.value == pytest.approx(missed)
    assert not check.passed


def test_restarts_count_what_they_broke_beyond_the_first_run(target: Target, found: list[AttackOutcome]) -> None:
    standing = target.is_right & ~found[1].broken
    tried = standing.copy()
    tried[:2] &= ~standing[2]
    broken = np.zeros_like(standing)
    broken[2, np.flatnonzero(standing[2])[:3]] = True
    tried[1] |= broken[2]
    tampered = [*found[:3], outcome("pgd-restarts", broken, tried, Norm.L2)]
    check = examine(target, tampered)["restarts"]
    assert check.value == pytest.approx(3 / N)
    assert not check.passed


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("transfer-float", "transfer_only_successes"),
        ("transfer-sibling", "transfer_only_successes"),
        ("square", "black_box_only_successes"),
        ("art-hopskipjump", "black_box_only_successes"),
        ("art-boundary", "black_box_only_successes"),
        ("art-zoo", "black_box_only_successes"),
        ("noise", "noise_only_successes"),
    ],
)
@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_success_of_one_family_alone_fires(
    target: Target, found: list[AttackOutcome], name: str, check: str, norm: Norm
) -> None:
    first = next(item for item in found if (item.name, item.norm) == ("pgd", norm))
    standing = np.flatnonzero(target.is_right & ~first.broken[1])
    broken = np.zeros_like(first.broken)
    broken[1:, standing[:2]] = True
    broken[2, np.flatnonzero(first.broken[2])[:5]] = True  # PGD breaks these too: they do not count
    tried = np.tile(target.is_right, (3, 1))
    results = examine(target, [*found, outcome(name, broken, tried, norm)])
    fired = {item for item in results if item.endswith("only_successes") and not results[item].passed}
    assert fired == {check}
    assert results[check].value == pytest.approx(2 / N)


def test_two_attacks_of_one_family_are_one(target: Target, found: list[AttackOutcome]) -> None:
    standing = np.flatnonzero(target.is_right & ~found[0].broken[2])
    broken = np.zeros_like(found[0].broken)
    broken[2, standing[:2]] = True
    tried = np.tile(target.is_right, (3, 1))
    same = [outcome(name, broken, tried) for name in ("transfer-float", "transfer-sibling")]
    assert examine(target, [*found, *same])["transfer_only_successes"].value == pytest.approx(2 / N)
    other = [same[0], outcome("square", broken, tried)]
    assert examine(target, [*found, *other])["transfer_only_successes"].value == 0


def test_only_a_search_that_saw_more_than_the_audit_fires(target: Target, found: list[AttackOutcome]) -> None:
    assert examine(target, found)["search_against_audit"].value == 0, "both find all that there is"
    exact = minimal_radii(target.model, target.x, target.y, Norm.LINF)  # type: ignore[arg-type]
    standing = np.flatnonzero(target.is_right & (exact > EPSILONS[Norm.LINF][-1]))
    more = np.zeros((3, N), bool)
    more[:, standing[:4]] = True
    above = examine(target, [*found, outcome("square", more, more)])["search_against_audit"]
    assert (above.value, above.passed) == (pytest.approx(4 / N), False)
    below = examine(target, withheld(found, "pgd", slice(0, N), Norm.LINF))["search_against_audit"]
    assert (below.value < 0, below.passed) == (True, True)
    assert "search_against_audit" not in examine(target, found, search_steps=None)


def test_largest_saturation_counts(target: Target, found: list[AttackOutcome]) -> None:
    assert examine(target, found)["saturated_activations"].value == 0.2
    assert not examine(target, found, saturation={"a": 0.1, "b": 0.5})["saturated_activations"].passed


def test_single_step_that_breaks_more_than_pgd_fires(target: Target, found: list[AttackOutcome]) -> None:
    weaker = withheld(found, "pgd", slice(0, N), Norm.L2)
    check = examine(target, weaker)["fgsm_never_beats_pgd"]
    assert check.value > 0
    assert not check.passed


@pytest.mark.parametrize("name", ["pgd-restarts", "apgd-ce"])
def test_single_step_is_held_against_many_on_both_losses(target: Target, found: list[AttackOutcome], name: str) -> None:
    weaker = withheld(found, "pgd", slice(0, N), Norm.L2)
    others = [item for item in weaker if (item.name, item.norm) != (name, Norm.L2)]
    check = examine(target, [*others, replace(found[1], name=name)])["fgsm_never_beats_pgd"]
    assert check.value <= 0
    assert check.passed


def test_gradients_that_lead_every_long_attack_astray_fire() -> None:
    linear, x, _ = two_class_problem(n=N)
    target = make_target(Astray(linear, x, losses=Loss))
    plan = [PGD(steps=5), PGD(steps=5, label="pgd-restarts"), APGD(steps=5, loss=Loss.CROSS_ENTROPY, label="apgd-ce")]
    outcomes = [
        run_step(AuditStep(attack=attack, norm=norm, work=1.0), target, [], position=position)
        for norm in INPUT_NORMS
        for position, attack in enumerate(plan)
    ]
    check = examine(target, outcomes)["fgsm_never_beats_pgd"]
    assert check.value > 0.1
    assert not check.passed


class DeadGradients(LinearModel):
    """A linear model that shows attacks no slope."""

    def loss_gradient(
        self,
        x: Inputs,
        y: Labels,
        *,
        loss: Loss,
        backward: Backward,
        targets: Labels | None = None,
        scale: float = 1.0,
    ) -> tuple[Inputs, Inputs]:
        return self.logits(x), np.zeros_like(x)


def test_dead_gradients_fire_what_needs_them(found: list[AttackOutcome]) -> None:
    linear = two_class_problem(n=N)[0]
    results = examine(make_target(DeadGradients(linear.weights, linear.bias)), found)
    fired = {name for name, check in results.items() if not check.passed}
    assert {"gradients_alive", "step_raises_margin", "finite_difference_ratio", "full_range_breaks_everything"} <= fired


class Band(DeadGradients):
    """Wrong only where the one coordinate lies 0.004 to 0.005 from the middle: random starts find it in small balls."""

    def logits(self, x: Inputs) -> Inputs:
        distance = np.abs(x.reshape(len(x)) - np.float32(0.5))
        is_wrong = (distance > 0.004) & (distance < 0.005)
        return np.eye(4, dtype=np.float32)[is_wrong.astype(int)]


def test_accuracy_that_rises_with_the_radius_fires(found: list[AttackOutcome]) -> None:
    model, x = Band(np.zeros((1, 4))), np.full((N, 1, 1, 1), 0.5, np.float32)
    target = replace(make_target(model), x=x, y=np.zeros(N, np.int64), is_right=np.ones(N, bool))
    check = examine(target, found)["monotone_accuracy"]
    assert check.value == pytest.approx(0.1, abs=0.1), "a fifth is found in the smallest ball, a tenth in the next"
    assert not check.passed


def test_model_that_is_never_right_has_no_gradient_checks() -> None:
    target = replace(make_target(), is_right=np.zeros(N, bool))
    nothing = np.zeros((3, N), bool)
    outcomes = [outcome(name, nothing, nothing, norm) for norm in INPUT_NORMS for name in ("pgd", "pgd-restarts")]
    results = examine(target, outcomes, search_steps=4)
    assert "gradients_alive" not in results
    assert all(check.passed for check in results.values())
