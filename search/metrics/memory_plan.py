"""How a device runs a network: which nodes are computed together, and where in one block of memory their results lie.

The cost arithmetic counts this plan and the C export follows it, so that `ram_bytes` is the size of the generated
code's one static buffer. Nothing here depends on weights or bits.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

from search.models.topology import (
    Add,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    GlobalAveragePool,
    Input,
    Layer,
    Node,
    Relu,
    Rescale,
    Topology,
)

WORD_BYTES = 4
_MOST_REORDERED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is computed in one go: the sum of layers and stored values, then perhaps an activation.

    Attributes:
        output: the node whose value is stored.
        layers: layers of the sum, each with its normalization folded in; none for a pooling.
        terms: stored nodes that are added as they are, or pooled.
        is_wide: whether the result is stored in 32 bits an element: sums that no activation has quantized.
    """

    output: str
    layers: tuple[str, ...]
    terms: tuple[str, ...]
    is_wide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A result's place.

    Attributes:
        offset: bytes from the start of the block; whole words.
        size: bytes, rounded up to whole words.
        first, last: indices of the steps between which it is in use.
    """

    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Steps in order and one block of memory for all their results.

    Attributes:
        buffers: stored node -> its place; the input's and the logits' too.
        scratch: index of a step -> working memory that it needs beside its inputs and its result.
        ram_bytes: size of the block.
    """

    steps: tuple[Step, ...]
    buffers: Mapping[str, Buffer]
    scratch: Mapping[int, Buffer]
    ram_bytes: int


def plan_memory(topology: Topology) -> MemoryPlan:
    """Return how a network is run.

    A result takes the place of a stored value that is added in the same step and read for the last time there: both
    are walked element by element, the result never ahead.
    """
    steps = schedule(topology)
    sizes = {step.output: _stored_bytes(topology, step) for step in steps}
    source = topology.nodes[0].name
    sizes[source] = _words(math.prod(topology.input_shape))
    first = {source: 0, **{step.output: index for index, step in enumerate(steps)}}
    last = dict.fromkeys(sizes, 0)
    for index, step in enumerate(steps):
        for name in step_inputs(topology, step):
            last[name] = index
    last[steps[-1].output] = len(steps)
    shared = _shared_places(topology, steps, sizes, last)
    places = _merge(sizes, first, last, shared)
    for index, step in enumerate(steps):
        size = step_scratch_bytes(topology, step)
        if size:
            places[index] = (size, index, index)
    offsets, ram_bytes = _assign_offsets(places)
    buffers = {
        name: Buffer(offset=offsets[_root(name, shared)], size=sizes[name], first=first[name], last=last[name])
        for name in sizes
    }
    scratch = {
        key: Buffer(offset=offsets[key], size=size, first=key, last=key)
        for key, (size, _, _) in places.items()
        if isinstance(key, int)
    }
    return MemoryPlan(steps=steps, buffers=buffers, scratch=scratch, ram_bytes=ram_bytes)


def schedule(topology: Topology) -> tuple[Step, ...]:
    """Return the steps, in the order of the nodes that they store."""
    readers: dict[str, list[Node]] = {node.name: [] for node in topology.nodes}
    for node in topology.nodes:
        for name in node.inputs:
            readers[name].append(node)

    def is_absorbed(node: Node) -> bool:
        """Tell whether a node is part of the step of the one node that reads it."""
        following = readers[node.name]
        is_sum = isinstance(node, Conv2D | DepthwiseConv2D | Dense | BatchNorm | Add)
        return is_sum and len(following) == 1 and isinstance(following[0], BatchNorm | Add | Relu)

    steps = []
    for node in topology.nodes:
        if isinstance(node, Input | Rescale | Flatten) or is_absorbed(node):
            continue
        layers: list[str] = []
        terms: list[str] = []
        pending = [node]
        while pending:
            part = pending.pop()
            if part is not node and not is_absorbed(part):
                terms.append(part.name)
            elif isinstance(part, Layer):
                layers.append(part.name)
            else:
                pending.extend(topology.by_name[name] for name in reversed(part.inputs))
        is_wide = not isinstance(node, Relu)
        steps.append(Step(output=node.name, layers=tuple(layers), terms=tuple(terms), is_wide=is_wide))
    return tuple(steps)


def stored_node(topology: Topology, name: str) -> str:
    """Return the node whose stored value a node is a view of: itself, but for a Rescale or a Flatten."""
    node = topology.by_name[name]
    return stored_node(topology, node.inputs[0]) if isinstance(node, Rescale | Flatten) else name


def step_inputs(topology: Topology, step: Step) -> tuple[str, ...]:
    """Return the stored nodes that a step reads."""
    names = [topology.by_name[layer].inputs[0] for layer in step.layers] + list(step.terms)
    return tuple(stored_node(topology, name) for name in names)


def step_scratch_bytes(topology: Topology, step: Step) -> int:
    """Return the working memory of a step: the sums of one position, then what its layers need, one after another.

    A convolution gathers the inputs of one position, unless they lie in whole words already; a depthwise one unpacks
    its kernel once.
    """
    if isinstance(topology.by_name[step.output], GlobalAveragePool):
        return 0
    sums = WORD_BYTES * topology.shapes[step.output][-1]
    return sums + sum(patch_bytes(topology, topology.by_name[name]) for name in step.layers)


def patch_bytes(topology: Topology, layer: Node) -> int:
    """Return the bytes that a layer unpacks or gathers into, whole words."""
    source = topology.shapes[layer.inputs[0]]
    match layer:
        case Conv2D():
            is_contiguous = layer.kernel_size == (1, 1) and source[-1] % WORD_BYTES == 0
            return 0 if is_contiguous else _words(math.prod(layer.kernel_size) * source[-1])
        case DepthwiseConv2D():
            return _words(math.prod(layer.kernel_size) * source[-1])
        case _:
            return 0


def _stored_bytes(topology: Topology, step: Step) -> int:
    return _words(math.prod(topology.shapes[step.output]) * (WORD_BYTES if step.is_wide else 1))


def _words(size: int) -> int:
    return -(-size // WORD_BYTES) * WORD_BYTES


def _shared_places(
    topology: Topology, steps: Iterable[Step], sizes: Mapping[str, int], last: Mapping[str, int]
) -> dict[str, str]:
    """Return result -> stored value whose place it takes."""
    shared: dict[str, str] = {}
    for index, step in enumerate(steps):
        if not step.layers:
            continue
        walked = {stored_node(topology, topology.by_name[layer].inputs[0]) for layer in step.layers}
        for name in (stored_node(topology, term) for term in step.terms):
            if last[name] == index and name not in walked and sizes[name] >= sizes[step.output]:
                shared[step.output] = name
                break
    return shared


def _root(name: str, shared: Mapping[str, str]) -> str:
    return _root(shared[name], shared) if name in shared else name


_Place = tuple[int, int, int]  # size, first and last step


def _merge(
    sizes: Mapping[str, int], first: Mapping[str, int], last: Mapping[str, int], shared: Mapping[str, str]
) -> dict[str | int, _Place]:
    """Return place -> size and the steps in which it is taken, results that share one counted once."""
    places: dict[str | int, _Place] = {}
    for name, size in sizes.items():
        root = _root(name, shared)
        known = places.get(root, (0, first[root], last[root]))
        places[root] = (max(known[0], size), min(known[1], first[name]), max(known[2], last[name]))
    return places


def _assign_offsets(places: Mapping[str | int, _Place]) -> tuple[dict[str | int, int], int]:
    """Return offsets and the size of the block: the best of first fits that begin with other large places.

    The order is by size; of the largest few, every order is tried until one reaches the sum of what is in use at once,
    below which no plan can fall.
    """
    by_size = sorted(places, key=lambda key: -places[key][0])
    n_steps = max(last for _, _, last in places.values()) + 1
    bound = max(sum(size for size, a, b in places.values() if a <= index <= b) for index in range(n_steps))
    best: dict[str | int, int] = {}
    best_size = -1
    for head in permutations(by_size[:_MOST_REORDERED]):
        offsets = _first_fit([*head, *by_size[_MOST_REORDERED:]], places)
        size = max(offsets[key] + places[key][0] for key in places)
        if best_size < 0 or size < best_size:
            best, best_size = offsets, size
        if best_size == bound:
            break
    return best, best_size


def _first_fit(order: Iterable[str | int], places: Mapping[str | int, _Place]) -> dict[str | int, int]:
    offsets: dict[str | int, int] = {}
    for key in order:
        size, first, last = places[key]
        taken = sorted(
            (offset, offset + places[other][0])
            for other, offset in offsets.items()
            if places[other][1] <= last and first <= places[other][2]
        )
        at = 0
        for begin, end in taken:
            if at + size <= begin:
                break
            at = max(at, end)
        offsets[key] = at
    return offsets
