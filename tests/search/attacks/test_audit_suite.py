import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from search.attacks.apgd import APGD
from search.attacks.audit_effort import FULL, QUICK, Effort
from search.attacks.audit_plan import AuditStep, Scope, Surrogates, audit_plan, l2_radii
from search.attacks.audit_suite import Target, attack_settings, run_step
from search.attacks.base import Attack, Classifier, Inputs, Labels, ThreatModel
from search.attacks.fmn import FMN
from search.attacks.losses import Loss
from search.attacks.noise import RandomNoise
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from search.attacks.square import Square
from search.attacks.transfer import Transfer
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import minimal_radii, two_class_problem

EPSILONS = {Norm.LINF: (0.005, 0.01, 0.02), Norm.L2: (0.02, 0.04, 0.08)}


def make_target(*, n: int = 60, wrong: int = 10) -> Target:
    """A target of which the first examples are wrong when clean."""
    model, x, y = two_class_problem(n=n)
    is_right = np.arange(n) >= wrong
    return Target(model=model, x=x, y=np.where(is_right, y, 1 - y), is_right=is_right, epsilons=EPSILONS, seed=5)


def step(attack, norm: Norm = Norm.LINF, **kwargs) -> AuditStep:
    return AuditStep(attack=attack, norm=norm, work=1.0, **kwargs)


@pytest.mark.parametrize("norm", INPUT_NORMS)
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
    assert np.array_equal(second.standing, target.is_right & ~first.broken)
    assert not (second.broken & first.broken).any()
    assert second.accuracy == tuple((target.is_right & ~(first.broken | second.broken)).mean(axis=1))


def test_black_box_attack_is_run_on_what_others_with_the_weights_have_broken_too() -> None:
    target = make_target()
    known = run_step(step(PGD(steps=20)), target, [], position=0)
    noise = run_step(step(RandomNoise(draws=5)), target, [known], position=1)
    square = run_step(step(Square(query_budget=50), scope=Scope.BLACK_BOX), target, [known, noise], position=2)
    assert (known.broken & ~noise.broken).any()
    assert np.array_equal(square.standing, target.is_right & ~noise.broken)
    alone = run_step(step(Square(query_budget=50), scope=Scope.BLACK_BOX), target, [known], position=2)
    assert np.array_equal(alone.standing, np.tile(target.is_right, (3, 1)))


@pytest.mark.parametrize("norm", INPUT_NORMS)
@pytest.mark.parametrize("attack", [PGD(steps=40), APGD(steps=40, loss=Loss.DLR)], ids=["pgd", "apgd"])
def test_descending_breaks_what_ascending_breaks_on_a_linear_model(attack: Attack, norm: Norm) -> None:
    target = make_target()
    down = run_step(step(attack, norm, scope=Scope.SURVIVORS), target, [], position=0)
    minimal = minimal_radii(target.model, target.x, target.y, norm)
    expected = target.is_right & (minimal[None] <= np.array(EPSILONS[norm])[:, None])
    assert np.array_equal(down.broken, expected)
    assert down.accuracy == tuple((target.is_right & ~expected).mean(axis=1))


@dataclass
class Scripted(Attack):
    """Breaks what it is told to, by label, and remembers what it was given."""

    breaks: dict[float, list[int]]  # radius -> labels
    given: list[tuple[float, list[int]]] = field(default_factory=list)
    starts: list[Inputs] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "scripted"

    def run(self, model: Classifier, x: Inputs, y: Labels, threat: ThreatModel, *, start: Inputs, rng) -> Inputs:
        self.given.append((threat.epsilon, y.tolist()))
        self.starts.append(start)
        broken = np.isin(y, self.breaks[threat.epsilon])[:, None, None]
        return np.where(broken, x + np.float32(threat.epsilon), x)


class Unmoved:
    """Right on clean inputs, wrong on every input that was moved: one example a class."""

    input_range = (0.0, 1.0)

    def logits(self, x: Inputs) -> Inputs:
        labels = np.round(x[:, 0, 0] * 10).astype(int)
        is_clean = np.abs(x[:, 0, 0] * 10 - labels) < 1e-4
        return np.eye(5, dtype=np.float32)[np.where(is_clean, labels, (labels + 1) % 5)]


def test_example_is_tried_from_the_largest_radius_at_which_it_stands_until_it_withstands() -> None:
    y = np.arange(4)
    x = np.tile((y / 10).astype(np.float32)[:, None, None], (1, 2, 2))
    radii = {Norm.LINF: (0.01, 0.02, 0.03)}
    target = Target(model=Unmoved(), x=x, y=y, is_right=np.ones(4, bool), epsilons=radii, seed=0)  # type: ignore[arg-type]
    before = Scripted({0.01: [0], 0.02: [0, 1], 0.03: [0, 1]})
    first = run_step(step(before), target, [], position=0)
    attack = Scripted({0.01: [], 0.02: [3], 0.03: [3]})
    outcome = run_step(step(attack, scope=Scope.SURVIVORS), target, [first], position=1)
    assert attack.given == [(0.03, [2, 3]), (0.02, [3]), (0.01, [1, 3])]
    assert outcome.tried.astype(int).tolist() == [[0, 1, 0, 1], [0, 0, 0, 1], [0, 0, 1, 1]]
    assert outcome.broken.astype(int).tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert outcome.accuracy == (0.75, 0.25, 0.25)
    assert all(np.array_equal(start, x[rows]) for start, (_, rows) in zip(attack.starts, attack.given, strict=True))


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


@pytest.mark.parametrize("scope", [Scope.ALL, Scope.SURVIVORS])
def test_every_outcome_keeps_its_invariants(scope: Scope) -> None:
    target = make_target()
    first = run_step(step(RandomNoise(draws=1)), target, [], position=0)
    outcome = run_step(step(PGD(steps=3), scope=scope), target, [first], position=1)
    assert not (outcome.broken & ~outcome.tried).any()
    assert not (outcome.tried & ~outcome.standing).any()
    assert not (outcome.standing & ~target.is_right).any()
    fallen = outcome.broken | ~outcome.standing
    assert not (fallen[:-1] & ~fallen[1:]).any(), "balls are nested"


def test_settings_are_plain_values_without_the_surrogate() -> None:
    model = two_class_problem()[0]
    settings = attack_settings(Restarted(attack=PGD(steps=7, label="pgd-restarts"), restarts=3))
    assert settings["restarts"] == 3
    assert settings["attack"].items() >= {"steps": 7, "loss": "margin", "label": "pgd-restarts"}.items()
    assert attack_settings(Transfer(surrogate=model, steps=4, label="transfer-x")) == {
        "steps": 4,
        "label": "transfer-x",
    }
    assert attack_settings(APGD(steps=2, loss=Loss.DLR))["loss"] == "dlr"


def make_plan(effort: Effort) -> tuple[AuditStep, ...]:
    model = two_class_problem()[0]
    return audit_plan(Surrogates(float_twin=model, sibling=model), input_step=1 / 16, effort=effort)


@pytest.mark.parametrize("effort", [FULL, QUICK], ids=["full", "quick"])
def test_plan_names_each_attack_once_a_norm_and_holds_what_was_promised(effort: Effort) -> None:
    plan = make_plan(effort)
    keys = [(item.attack.name, item.norm) for item in plan]
    assert len(set(keys)) == len(keys)
    gradients = [
        "pgd",
        "pgd-restarts",
        "fmn",
        "apgd-ce",
        "apgd-dlr",
        "apgd-twin",
        "apgd-t-dlr",
        "apgd-t-ce",
        "pgd-local",
    ]
    others = ["transfer-float", "transfer-sibling", "square", "noise"]
    assert [name for name, norm in keys if norm is Norm.LINF] == [*gradients, *others, "art-hopskipjump", "nes"]
    art = ["art-deepfool", "art-cw", "art-hopskipjump", "art-boundary", "art-zoo"]
    assert [name for name, norm in keys if norm is Norm.L2] == [*gradients, *others, *art, "nes"]
    everywhere = {"pgd", "fmn", "transfer-float", "transfer-sibling", "noise"}
    assert {item.attack.name for item in plan if item.scope is Scope.ALL} == everywhere
    assert all((item.examples is None) == (item.scope is not Scope.SUBSET) for item in plan)


def test_full_plan_is_as_hard_as_the_audit_promises() -> None:
    by_name = {item.attack.name: attack_settings(item.attack) for item in make_plan(FULL)}
    assert by_name["pgd"]["steps"] == by_name["pgd-restarts"]["attack"]["steps"] == 50
    assert by_name["pgd-restarts"]["restarts"] == 4, "five runs with the first"
    assert by_name["apgd-ce"]["steps"] == by_name["apgd-dlr"]["steps"] == by_name["apgd-t-dlr"]["steps"] == 100
    assert by_name["square"]["query_budget"] == by_name["nes"]["query_budget"] == 5000
    assert by_name["art-zoo"]["difference"] == 1 / 16


def test_l2_radii_grow_with_the_dimension() -> None:
    assert l2_radii((0.02, 0.04), 64) == pytest.approx((0.08, 0.16))
    assert l2_radii((8 / 255,), 3072)[0] == pytest.approx(0.5 * 8 / 255 * math.sqrt(3072))
