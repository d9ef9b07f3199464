"""An untrained network on digits, for tests that need a stored model but no good one; takes no training."""

from search.models.calibration import calibrate_integer_bits
from search.models.network import Mode, Network
from search.models.topologies import make_topology
from search.models.trained_model import TrainedModel
from spaces.candidate import Candidate
from spaces.layer_policy import LayerPolicy
from tests.search.trained_digits import digits_dataset, digits_spec


def random_model(*, seed: int = 0, weight_bits: int = 4) -> TrainedModel:
    spec = digits_spec()
    topology = make_topology(spec.topology, input_shape=(8, 8, 1), n_classes=10, choices={"width": 0.5})
    network = Network(topology)
    network.initialize(seed)
    integer_bits = calibrate_integer_bits(network, digits_dataset().train.inputs(slice(0, 64)), mode=Mode.DEPLOYED)
    policies = {
        slot.name: LayerPolicy(weight_bits=weight_bits, activation_bits=4 if slot.has_activation else None)
        for slot in topology.slots
    }
    return TrainedModel(
        topology_spec=spec.topology,
        topology=topology,
        candidate=Candidate(policies=policies, topology={"width": 0.5}, training={"learning_rate": 1e-3}),
        integer_bits=integer_bits,
        weights=network.weights(),
    )
