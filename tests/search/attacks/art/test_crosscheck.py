"""Our attacks against ART's of the same name, on one trained network and the same images: never weaker by a point."""

from functools import cache
from typing import Any

import numpy as np
import pytest

from search.attacks.art.toolbox import art_module
from search.attacks.base import Attack, Inputs, Labels, ThreatModel, is_broken
from search.attacks.fgsm import FGSM
from search.attacks.geometry import distances
from search.attacks.losses import Backward, Loss
from search.attacks.pgd import PGD
from search.attacks.square import Square
from search.audit_models import load_models
from search.models.classifier import NetworkClassifier
from spaces.norms import Norm
from tests.search.trained_digits import EPSILONS, digits_dataset, trained_digits

pytestmark = [pytest.mark.crosscheck, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TOLERANCE = 0.01


@cache
def victim() -> tuple[NetworkClassifier, Inputs, Labels]:
    """The network and 200 test images that it gets right."""
    dataset = digits_dataset()
    model = load_models(trained_digits(), input_range=dataset.input_range).target
    x, y = dataset.test.inputs(), dataset.test.y
    right = np.flatnonzero(~is_broken(model.logits(x), y))[:200]
    return model, x[right], y[right]


def estimator(model: NetworkClassifier) -> Any:
    """ART's view of the network, with the loss gradient that its FGSM and PGD ask for."""
    base = art_module("search.attacks.art.estimator").LogitEstimator
    mixins = art_module("art.estimators.estimator")

    class WithLoss(base, mixins.LossGradientsMixin, mixins.NeuralNetworkMixin):
        def loss_gradient(self, x: Any, y: Any, **_: Any) -> Any:
            labels = np.argmax(y, axis=1).astype(np.int64)
            return model.loss_gradient(x, labels, loss=Loss.CROSS_ENTROPY, backward=Backward.SURROGATE)[1]

        def get_activations(self, *_: Any, **__: Any) -> Any:
            raise NotImplementedError

    return WithLoss(model, (8, 8, 1), 10)


def arts(name: str, epsilon: float, model: NetworkClassifier) -> Any:
    evasion = art_module()
    wrapped = estimator(model)
    if name == "fgsm":
        return evasion.FastGradientMethod(wrapped, eps=epsilon, batch_size=200)
    if name == "pgd":
        pgd = art_module("art.attacks.evasion.projected_gradient_descent.projected_gradient_descent_numpy")
        return pgd.ProjectedGradientDescentNumpy(
            wrapped,
            eps=epsilon,
            eps_step=2.5 * epsilon / 20,
            max_iter=20,
            num_random_init=1,
            batch_size=200,
            verbose=False,
        )
    return evasion.SquareAttack(wrapped, eps=epsilon, max_iter=300, nb_restarts=1, batch_size=200, verbose=False)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(
    ("name", "ours"), [("fgsm", FGSM()), ("pgd", PGD(steps=20)), ("square", Square(query_budget=300))]
)
def test_ours_is_not_weaker_than_arts(name: str, ours: Attack, epsilon: float) -> None:
    model, x, y = victim()
    np.random.seed(0)
    found = np.clip(arts(name, epsilon, model).generate(x, y), 0, 1).astype(np.float32)
    assert np.abs(found - x).max() <= epsilon + 1e-5
    theirs = is_broken(model.logits(found), y).mean()
    mine = ours(model, x, y, ThreatModel(epsilon=epsilon), rng=np.random.default_rng(0)).is_broken.mean()
    assert mine >= theirs - TOLERANCE, (mine, theirs)
    assert theirs > 0.005, "the comparison means something"


@pytest.mark.parametrize("epsilon", [0.25, 0.5, 0.8])
def test_square_in_l2_is_not_weaker_than_arts(epsilon: float) -> None:
    model, x, y = victim()
    threat, queries = ThreatModel(epsilon=epsilon, norm=Norm.L2), 300
    # In images of 8 by 8 ART's first pattern is 0 / 0, so that it begins at the clean image; its moves are sound.
    theirs = art_module().SquareAttack(
        estimator(model), norm=2, eps=epsilon, p_init=0.1, max_iter=queries, batch_size=200, verbose=False
    )
    np.random.seed(0)
    found = np.clip(theirs.generate(x, y), 0, 1).astype(np.float32)
    assert distances(found, x, Norm.L2).max() <= epsilon + 1e-5
    broken = is_broken(model.logits(found), y).mean()
    mine = Square(query_budget=queries)(model, x, y, threat, rng=np.random.default_rng(0)).is_broken.mean()
    assert mine >= broken - TOLERANCE, (mine, broken)
    assert broken > 0.05, "the comparison means something"
