"""Scaled logits: the same network in another unit."""

import numpy as np
import pytest

from search.audit_models import classifier_of, network_of
from search.models.logit_scale import scale_logits
from tests.search.random_model import random_model
from tests.search.trained_digits import digits_dataset


@pytest.mark.parametrize("factor", [0.25, 4.0])
@pytest.mark.parametrize("weight_bits", [1, 2, 4, 8])
def test_logits_are_multiplied_exactly_and_nothing_else_changes(weight_bits: int, factor: float) -> None:
    model, dataset = random_model(weight_bits=weight_bits), digits_dataset()
    network = network_of(model, model.candidate)
    classifier = classifier_of(network, dataset.input_range, quantized=True)
    x = dataset.test.inputs(slice(0, 100))
    plain = classifier.logits(x)
    network.load_weights(scale_logits(model.weights, model.topology, factor=factor))
    classifier.refresh()
    np.testing.assert_array_equal(classifier.logits(x), factor * plain)
    changed = {name for name, values in network.weights().items() if not np.array_equal(values, model.weights[name])}
    assert f"{model.topology.nodes[-1].name}/kernel" in changed
    assert all(name.startswith(f"{model.topology.nodes[-1].name}/") for name in changed)
