"""ART's attacks behind our interface, on a linear model with known distances."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from search.attacks.art.gradient import CarliniL2, DeepFool
from search.attacks.art.queries import ZOO, Boundary, HopSkipJump
from search.attacks.art.toolbox import art_module, require_toolbox, seeded
from search.attacks.base import Inputs
from search.attacks.minimum_norm import MinimumNormAttack
from spaces.errors import SetupError
from spaces.norms import Norm
from tests.search.attacks.linear_model import LinearModel, minimal_radii, two_class_problem

# Attack, norm, and how much farther than the nearest boundary it may end (median over the examples).
ATTACKS = [
    pytest.param(DeepFool(steps=30), Norm.L2, 1.01, id="deepfool"),
    pytest.param(CarliniL2(steps=40, searches=5), Norm.L2, 1.1, id="cw"),
    pytest.param(HopSkipJump(steps=15), Norm.L2, 1.1, id="hopskipjump-l2"),
    pytest.param(HopSkipJump(steps=15), Norm.LINF, 1.6, id="hopskipjump-linf"),
    pytest.param(Boundary(steps=150), Norm.L2, 1.6, id="boundary"),
    pytest.param(ZOO(steps=100, searches=3, difference=1 / 255), Norm.L2, 1.6, id="zoo"),
]


@pytest.mark.crosscheck
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("attack", "norm", "factor"), ATTACKS)
def test_attack_finds_near_boundaries_and_repeats_itself(attack: MinimumNormAttack, norm: Norm, factor: float) -> None:
    model, x, y = two_class_problem(n=6)
    before = np.random.get_state()[1].copy()
    first, second = (attack(model, x, y, norm, rng=np.random.default_rng(2)) for _ in range(2))
    assert np.array_equal(first.distances, second.distances)
    assert np.array_equal(np.random.get_state()[1], before), "the global random state is put back"
    ratio = first.distances / minimal_radii(model, x, y, norm)
    assert ratio.min() >= 1 - 1e-3
    assert np.median(ratio) <= factor, ratio


class Relenting:
    """A linear model that is wrong where it should be for some queries, and right everywhere from then on."""

    input_range = (0.0, 1.0)

    def __init__(self, inner: LinearModel, label: int, *, n_wrong: int) -> None:
        self.inner, self.label, self.n_left = inner, label, n_wrong

    def logits(self, x: Inputs) -> NDArray[np.float32]:
        self.n_left -= 1
        return self.inner.logits(x) if self.n_left > 0 else np.eye(4, dtype=np.float32)[np.full(len(x), self.label)]


@pytest.mark.crosscheck
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", [Norm.LINF, Norm.L2])
def test_hopskipjump_ends_where_its_boundary_point_turns_out_to_be_right(norm: Norm) -> None:
    model, x, y = two_class_problem(n=6)
    relenting = Relenting(model, int(y[0]), n_wrong=60)
    result = HopSkipJump(steps=6)(relenting, x, y, norm, rng=np.random.default_rng(0))
    assert np.isinf(result.distances[0])
    assert relenting.n_left < 0


def test_missing_toolbox_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r"needs? 'art(.missing)?'.*cosearch\[audit\]"):
        art_module("art.missing")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"cosearch\[audit\]"):
        require_toolbox()


def test_plan_does_not_import_the_toolbox() -> None:
    code = "import sys, search.attacks.audit_plan; sys.exit('art' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_seed_is_used_inside_and_undone_outside() -> None:
    before = np.random.get_state()[1].copy()
    draws = []
    for _ in range(2):
        with seeded(np.random.default_rng(5)):
            draws.append(np.random.random())
    assert draws[0] == draws[1]
    assert np.array_equal(np.random.get_state()[1], before)
