"""Trained models for export: the residual topology by import path, with weights drawn from a seed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.input_grid import InputGrid
from search.exporters.base import ExportContext
from search.exporters.context import ExportData
from search.metrics.cost import candidate_cost
from search.models.network import Mode, Network
from search.models.topology import Topology
from search.models.trained_model import TrainedModel
from search.runtime import tf
from spaces.study_spec import TopologySpec
from spaces.targets import Target
from tests.search.models.builders import (
    filled_network,
    make_candidate,
    make_inputs,
    make_integer_bits,
    residual_topology,
)


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


def make_data(topology: Topology, *, examples: int = 40, **changes: Any) -> ExportData:
    """Return random inputs with labels in turn, and a short attack."""
    fields: dict[str, Any] = {
        "calibration": make_inputs(topology, examples, seed=3),
        "x": make_inputs(topology, examples, seed=4),
        "y": np.arange(examples) % topology.n_classes,
        "epsilons": (0.02, 0.4),
        "pgd_steps": 2,
        "seed": 0,
        "input_range": (0.0, 1.0),
        "input_grid": InputGrid(scale=1 / 255),
    }
    return ExportData(**{**fields, **changes})


def make_export_context(model: TrainedModel, *, examples: int = 40, target: Target | None = None) -> ExportContext:
    """Return the context of an export of a model; noise takes the place of the attack."""
    data = make_data(model.topology, examples=examples)
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (len(data.epsilons), *data.x.shape))
    adversarial = np.clip(data.x + noise, 0, 1).astype(np.float32)
    logits = [plain_logits(model, x) for x in (data.x, *adversarial)]
    return ExportContext(
        calibration=data.calibration,
        x=data.x,
        y=data.y,
        logits=logits[0],
        epsilons=data.epsilons,
        adversarial=adversarial,
        adversarial_logits=np.stack(logits[1:]),
        input_range=data.input_range,
        input_grid=data.input_grid,
        target=target,
        cost=candidate_cost(model.topology, model.candidate),
    )


def plain_logits(model: TrainedModel, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the trained network's logits, operation by operation."""
    network = Network(model.topology)
    network.load_weights(model.weights)
    network.load_policies(model.candidate, model.integer_bits)
    kernels = network.quantized_kernels()
    logits: NDArray[np.float32] = network.forward(
        tf.constant(x), kernels=kernels, mode=Mode.DEPLOYED, quantized=True
    ).logits.numpy()
    return logits
