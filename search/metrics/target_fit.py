"""Whether a device can take a network: its operations, the widths of every layer, flash and memory."""

from search.metrics.cost import candidate_cost
from search.models.topology import (
    Add,
    Flatten,
    GlobalAveragePool,
    Node,
    Relu,
    Rescale,
    Topology,
)
from spaces.candidate import Candidate
from spaces.errors import ExportError, SpecError
from spaces.targets import Operation, Target

_OPERATIONS: dict[type[Node], Operation] = {
    Rescale: Operation.RESCALE,
    Relu: Operation.RELU,
    Add: Operation.ADD,
    GlobalAveragePool: Operation.GLOBAL_AVERAGE_POOL,
    Flatten: Operation.FLATTEN,
}


def check_topology(target: Target, topology: Topology) -> None:
    """Check that a device has the operations and kinds of layers of a network.

    Raises:
        SpecError: it lacks one.
    """
    for slot in topology.slots:
        target.limits(slot.name, slot.kind)
    for node in topology.nodes:
        operation = _OPERATIONS.get(type(node))
        if operation is not None and operation not in target.operations:
            raise SpecError(
                f"target {target.name!r} has no operation {operation.value}, as {node.name!r} is one; it has "
                f"{', '.join(target.operations)}. Choose another topology or another target."
            )


def check_candidate(target: Target, topology: Topology, candidate: Candidate) -> None:
    """Check that a device can take a candidate.

    Raises:
        ExportError: it cannot; the message names the layer and the reason.
    """
    try:
        check_topology(target, topology)
    except SpecError as error:
        raise ExportError(str(error)) from None
    for slot in topology.slots:
        limits, policy = target.limits(slot.name, slot.kind), candidate.policies[slot.name]
        for field in ("weight_bits", "activation_bits"):
            bits: int | None = getattr(policy, field)
            if bits is not None and bits not in limits.legal(field):
                raise ExportError(
                    f"target {target.name!r} cannot take layer {slot.name!r}: it has {field} = {bits}, but of a "
                    f"{slot.kind.value} layer the target takes {list(limits.legal(field))}. Choose another trial, or "
                    f"search with target = {target.name!r} in the study file."
                )
    metrics = candidate_cost(topology, candidate).metrics()
    for constraint in target.constraints():
        if constraint.violation(metrics[constraint.name]) > 0:
            raise ExportError(
                f"target {target.name!r} cannot take the network: {constraint.name} = {metrics[constraint.name]:,}, "
                f"but at most {constraint.bound:,.0f} is left there; {_largest_layer(topology, candidate)}. Choose a "
                "smaller trial."
            )


def _largest_layer(topology: Topology, candidate: Candidate) -> str:
    largest = max(candidate_cost(topology, candidate).layers, key=lambda layer: layer.total_bytes)
    return f"its largest layer is {largest.name!r} with {largest.total_bytes:,} bytes"
