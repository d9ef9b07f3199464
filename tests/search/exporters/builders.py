"""Trained models for export: the residual topology by import path, with weights drawn from a seed."""

import numpy as np

from search.models.topology import Topology
from search.models.trained_model import TrainedModel
from spaces.study_spec import TopologySpec
from tests.search.models.builders import filled_network, make_candidate, make_integer_bits, residual_topology


def make_model(*, shift: int = 0, topology: Topology | None = None, seed: int = 1) -> TrainedModel:
    """Return a model; `shift` walks every layer through all bit widths."""
    topology = topology or residual_topology()
    weights = filled_network(topology, seed=seed).weights()
    weights["conv0/kernel" if "conv0/kernel" in weights else "conv/kernel"][..., 0] = np.float32(0)  # a dead channel
    return TrainedModel(
        topology_spec=TopologySpec(builder="tests.search.models.builders:residual_topology"),
        topology=topology,
        candidate=make_candidate(topology, shift=shift),
        integer_bits=make_integer_bits(topology),
        weights=weights,
    )
