"""What every attack keeps: ball, range, equal results for equal seeds, and success flags that evaluate true again."""

import numpy as np
import pytest

from search.attacks.apgd import APGD, TargetedAPGD
from search.attacks.base import Attack, ThreatModel, is_broken
from search.attacks.fgsm import FGSM
from search.attacks.fmn import FMN
from search.attacks.geometry import distances
from search.attacks.losses import Loss
from search.attacks.minimum_norm import MinimumNormAttack
from search.attacks.nes import NES
from search.attacks.noise import RandomNoise
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from search.attacks.square import Square
from search.attacks.transfer import Transfer
from spaces.errors import SpecError
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import linear_problem

SURROGATE = linear_problem(seed=4)[0]
BOTH_NORMS: dict[str, Attack] = {
    "pgd": PGD(steps=5),
    "restarted": Restarted(attack=PGD(steps=3), restarts=3),
    "apgd": APGD(steps=12, loss=Loss.CROSS_ENTROPY),
    "apgd-t": TargetedAPGD(steps=8, n_targets=3),
    "square": Square(query_budget=30),
    "nes": NES(query_budget=40, steps=4, input_step=1 / 255),
    "noise": RandomNoise(draws=6),
    "transfer": Transfer(surrogate=SURROGATE, steps=6, label="transfer"),
}
CASES = [pytest.param(attack, norm, id=f"{name}-{norm}") for name, attack in BOTH_NORMS.items() for norm in INPUT_NORMS]
CASES += [pytest.param(FGSM(), Norm.LINF, id="fgsm")]
TOLERANCE = 1e-5


@pytest.mark.parametrize(("attack", "norm"), CASES)
def test_attack_stays_in_ball_and_range_and_tells_the_truth(attack: Attack, norm: Norm) -> None:
    model, x, y = linear_problem(n=40)
    x = np.clip((x - 0.5) * 5 + 0.5, 0, 1)  # on the bounds too
    y = model.logits(x).argmax(axis=1).astype(np.int64)
    epsilon = {Norm.LINF: 0.15, Norm.L2: 0.35}[norm]
    threat = ThreatModel(epsilon=epsilon, norm=norm)
    result, again = (attack(model, x, y, threat, rng=np.random.default_rng(7)) for _ in range(2))
    assert result.x.dtype == np.float32
    assert distances(result.x, x, norm).max() <= epsilon * (1 + TOLERANCE)
    assert result.x.min() >= 0
    assert result.x.max() <= 1
    assert np.array_equal(result.x, again.x)
    assert np.array_equal(result.is_broken, is_broken(model.logits(result.x), y))
    assert 0 < result.is_broken.sum() < len(x)


@pytest.mark.parametrize(("attack", "norm"), CASES)
def test_attack_takes_no_examples(attack: Attack, norm: Norm) -> None:
    model, x, y = linear_problem(n=1)
    result = attack(model, x[:0], y[:0], ThreatModel(epsilon=0.1, norm=norm), rng=np.random.default_rng(0))
    assert len(result.x) == len(result.is_broken) == 0


class Jump(MinimumNormAttack):
    """Finds the far corner, whatever it is: 2 away from everything it should reach."""

    @property
    def name(self) -> str:
        return "jump"

    def run(self, model, x, y, norm, *, rng):
        return np.where(np.sign(model.weights[:, 1] - model.weights[:, 0]) > 0, 2.0, -2.0).reshape(1, 4, 4, 1) + 0 * x


@pytest.mark.parametrize("norm", INPUT_NORMS)
@pytest.mark.parametrize("attack", [FMN(steps=30), Jump()], ids=["fmn", "jump"])
def test_minimum_norm_attack_reports_distances_that_are_true(attack: MinimumNormAttack, norm: Norm) -> None:
    model, x, y = linear_problem()
    result, again = (attack(model, x, y, norm, rng=np.random.default_rng(1)) for _ in range(2))
    found = np.isfinite(result.distances)
    assert found.any()
    assert np.array_equal(result.distances, again.distances)
    assert np.array_equal(is_broken(model.logits(result.x), y), found)
    assert np.array_equal(result.distances[found], distances(result.x, x, norm)[found])
    assert result.x.min() >= 0
    assert result.x.max() <= 1


def test_found_input_is_pulled_back_towards_the_clean_one() -> None:
    model, x, y = linear_problem()
    far = np.clip(Jump().run(model, x, y, Norm.L2, rng=np.random.default_rng(0)), 0, 1)
    result = Jump()(model, x, y, Norm.L2, rng=np.random.default_rng(0))
    found = np.isfinite(result.distances)
    assert (result.distances[found] < 0.9 * distances(far, x, Norm.L2)[found]).all()


class Nothing(MinimumNormAttack):
    """Finds nothing."""

    @property
    def name(self) -> str:
        return "nothing"

    def run(self, model, x, y, norm, *, rng):
        return x


def test_nothing_found_is_infinitely_far() -> None:
    model, x, y = linear_problem()
    result = Nothing()(model, x, y, Norm.LINF, rng=np.random.default_rng(0))
    assert np.isinf(result.distances).all()
    assert len(FMN(steps=2)(model, x[:0], y[:0], Norm.L2, rng=np.random.default_rng(0)).distances) == 0


def test_inputs_in_other_units_are_refused() -> None:
    model, x, y = linear_problem()
    with pytest.raises(SpecError, match="wrong input units"):
        FMN(steps=2)(model, x * 255, y, Norm.L2, rng=np.random.default_rng(0))
    with pytest.raises(SpecError, match="24 inputs but 3 labels"):
        PGD(steps=2)(model, x, y[:3], ThreatModel(epsilon=0.1), rng=np.random.default_rng(0))


def test_targeted_apgd_takes_only_losses_with_a_target() -> None:
    with pytest.raises(SpecError, match="got DLR"):
        TargetedAPGD(steps=2, n_targets=2, loss=Loss.DLR)
