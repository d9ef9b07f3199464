"""Attacks against a linear model, whose minimal radius is margin / ||w||_1 in L-inf and margin / ||w||_2 in L2."""

import numpy as np
import pytest

from search.attacks.apgd import APGD, TargetedAPGD
from search.attacks.base import Attack, ThreatModel
from search.attacks.fmn import FMN
from search.attacks.losses import Loss
from search.attacks.pgd import PGD
from search.attacks.restarts import Restarted
from spaces.norms import INPUT_NORMS, Norm
from tests.search.attacks.linear_model import linear_problem, minimal_radii, two_class_problem

ATTACKS = {
    "pgd": Restarted(attack=PGD(steps=50), restarts=5),
    "apgd-ce": APGD(steps=50, loss=Loss.CROSS_ENTROPY),
    "apgd-dlr": APGD(steps=50, loss=Loss.DLR),
    "apgd-t": TargetedAPGD(steps=50, n_targets=3),
    "apgd-t-ce": TargetedAPGD(steps=50, n_targets=3, loss=Loss.CROSS_ENTROPY),
}


@pytest.mark.parametrize("norm", INPUT_NORMS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_attack_succeeds_just_beyond_the_minimal_radius_and_not_before(attack: Attack, norm: Norm) -> None:
    model, x, y = two_class_problem()
    radii = minimal_radii(model, x, y, norm)
    for row, radius in enumerate(radii):
        for factor, expected in ((1.01, True), (0.99, False)):
            threat = ThreatModel(epsilon=float(radius * factor), norm=norm)
            result = attack(model, x[row : row + 1], y[row : row + 1], threat, rng=np.random.default_rng(row))
            assert result.is_broken[0] == expected, (row, factor)


@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_fmn_finds_the_minimal_radius_within_one_percent(norm: Norm) -> None:
    model, x, y = two_class_problem()
    result = FMN(steps=200)(model, x, y, norm, rng=np.random.default_rng(0))
    radii = minimal_radii(model, x, y, norm)
    assert (result.distances >= radii * (1 - 1e-4)).all()
    assert (result.distances <= radii * 1.01).all(), result.distances / radii


@pytest.mark.parametrize("norm", INPUT_NORMS)
def test_targeted_apgd_finds_the_class_whose_boundary_is_nearest(norm: Norm) -> None:
    model, x, y = linear_problem()
    for row, radius in enumerate(minimal_radii(model, x, y, norm)):
        threat = ThreatModel(epsilon=float(radius * 1.01), norm=norm)
        attack = TargetedAPGD(steps=50, n_targets=3)
        assert attack(model, x[row : row + 1], y[row : row + 1], threat, rng=np.random.default_rng(row)).is_broken[0]
