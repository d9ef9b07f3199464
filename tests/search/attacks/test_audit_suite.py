import math

import numpy as np
import pytest

from search.attacks.apgd import APGD
from search.attacks.audit_plan import AuditStep, Scope, Surrogates, audit_plan, l2_radii
from search.attacks.audit_suite import Target, attack_settings, run_step
from search.attacks.fmn import FMN
from search.attacks.losses import Loss
from search.attacks.noise import RandomNoise
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from search.attacks.transfer import Transfer
from spaces.norms import Norm
from tests.search.attacks.linear_model import minimal_radii, two_class_problem

EPSILONS = {Norm.LINF: (0.005, 0.01, 0.02), Norm.L2: (0.02, 0.04, 0.08)}


def make_target(*, n: int = 60, wrong: int = 10) -> Target:
    """A target of which the first examples are wrong when clean."""
    model, x, y = two_class_problem(n=n)
    is_right = np.arange(n) >= wrong
    return Target(model=model, x=x, y=np.where(is_right, y, 1 - y), is_right=is_right, epsilons=EPSILONS, seed=5)


def step(attack, norm: Norm = Norm.LINF, **kwargs) -> AuditStep:
    return AuditStep(attack=attack, norm=norm, work=1.0, **kwargs)


@pytest.mark.parametrize("norm", Norm)
@pytest.mark.parametrize(
    "attack", [Restarted(attack=PGD(steps=40), restarts=2), FMN(steps=100)], ids=["radius-by-radius", "distances"]
)
def test_outcome_is_exact_on_a_linear_model(attack, norm: Norm) -> None:
    target = make_target()
    outcome = run_step(step(attack, norm), target, [], position=0)
    minimal = minimal_radii(target.model, target.x, target.y, norm)
    expected = target.is_right & (minimal[None] <= np.array(EPSILONS[norm])[:, None])
    assert np.array_equal(outcome.tried, np.tile(target.is_right, (3, 1)))
    assert np.array_equal(outcome.broken, expected)
    assert outcome.accuracy == tuple((target.is_right & ~expected).mean(axis=1))
    assert (outcome.distances is not None) == isinstance(attack, FMN)


def test_survivors_are_what_the_attacks_before_in_the_same_norm_left() -> None:
    target = make_target()
    first = run_step(step(RandomNoise(draws=1)), target, [], position=0)
    other = run_step(step(PGD(steps=20), Norm.L2), target, [], position=1)
    second = run_step(step(PGD(steps=20), scope=Scope.SURVIVORS), target, [first, other], position=2)
    assert np.array_equal(second.tried, target.is_right & ~first.broken)
    assert not (second.broken & first.broken).any()
    assert second.accuracy == tuple((target.is_right & ~(first.broken | second.broken)).mean(axis=1))


def test_smaller_subset_is_part_of_the_larger_one() -> None:
    target = make_target()
    few, some = (
        run_step(step(FMN(steps=20), Norm.L2, scope=Scope.SUBSET, examples=size), target, [], position=0)
        for size in (10, 30)
    )
    assert (few.n_examples, some.n_examples) == (10, 30)
    assert not (few.tried & ~some.tried).any()
    assert few.tried[0].sum() <= 10
    assert few.distances is not None
    assert np.array_equal(np.isnan(few.distances), ~few.tried[0])


def test_equal_arguments_give_an_equal_outcome() -> None:
    target = make_target()
    first, again, moved = (
        run_step(step(RandomNoise(draws=5)), target, [], position=position) for position in (3, 3, 4)
    )
    assert np.array_equal(first.broken, again.broken)
    assert not np.array_equal(first.broken, moved.broken)


def test_progress_is_told_after_every_radius() -> None:
    told: list[float] = []
    run_step(step(PGD(steps=2)), make_target(), [], position=0, on_progress=told.append)
    assert told == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_settings_are_plain_values_without_the_surrogate() -> None:
    model = two_class_problem()[0]
    assert attack_settings(Restarted(attack=PGD(steps=7), restarts=3)) == {
        "attack": {"steps": 7, "loss": "margin", "backward": "surrogate", "label": "pgd"},
        "restarts": 3,
    }
    assert attack_settings(Transfer(surrogate=model, steps=4, label="transfer-x")) == {
        "steps": 4,
        "label": "transfer-x",
    }
    assert attack_settings(APGD(steps=2, loss=Loss.DLR))["loss"] == "dlr"


@pytest.mark.parametrize("quick", [False, True])
def test_plan_names_each_attack_once_a_norm_and_holds_what_was_promised(quick: bool) -> None:
    model = two_class_problem()[0]
    plan = audit_plan(Surrogates(float_twin=model, sibling=model), input_step=1 / 255, quick=quick)
    keys = [(item.attack.name, item.norm) for item in plan]
    assert len(set(keys)) == len(keys)
    for name in ("pgd", "apgd-ce", "apgd-dlr", "apgd-t-dlr", "fmn", "transfer-float", "transfer-sibling", "noise"):
        assert {(name, norm) for norm in Norm} <= set(keys)
    assert ("square", Norm.LINF) in keys
    for name in ("art-cw", "art-deepfool", "art-hopskipjump", "art-boundary", "art-zoo"):
        assert (name, Norm.L2) in keys
    assert all((item.examples is None) == (item.scope is not Scope.SUBSET) for item in plan)


def test_full_plan_is_as_hard_as_the_audit_promises() -> None:
    model = two_class_problem()[0]
    plan = audit_plan(Surrogates(float_twin=model, sibling=model), input_step=1 / 16, quick=False)
    by_name = {item.attack.name: attack_settings(item.attack) for item in plan}
    assert (by_name["pgd"]["restarts"], by_name["pgd"]["attack"]["steps"]) == (5, 50)
    assert by_name["apgd-ce"]["steps"] == by_name["apgd-dlr"]["steps"] == by_name["apgd-t-dlr"]["steps"] == 100
    assert by_name["square"]["query_budget"] == 5000
    assert by_name["art-zoo"]["difference"] == 1 / 16


def test_l2_radii_grow_with_the_dimension() -> None:
    assert l2_radii((0.02, 0.04), 64) == pytest.approx((0.08, 0.16))
    assert l2_radii((8 / 255,), 3072)[0] == pytest.approx(0.5 * 8 / 255 * math.sqrt(3072))
