"""What an attack did, as the columns of its row and back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.audit import AttackOutcome, Distances, Flags
from spaces.norms import Norm
from storage.conversion import plain_json
from storage.schema import AttackColumns


def attack_columns(outcome: AttackOutcome, *, position: int) -> dict[str, Any]:
    """Return the columns of an outcome, which is the audit's `position`-th."""
    distances = outcome.distances
    return {
        "name": outcome.name,
        "norm": outcome.norm.value,
        "position": position,
        "epsilons": list(outcome.epsilons),
        "n_examples": outcome.n_examples,
        "tried": pack(outcome.tried),
        "broken": pack(outcome.broken),
        "distances": None if distances is None else distances.astype("<f4").tobytes(),
        "details": plain_json(outcome.details),
        "elapsed_s": outcome.elapsed_s,
    }


def attack_outcome(row: AttackColumns, n_examples: int) -> AttackOutcome:
    """Read `attack_columns` of an audit on so many examples."""
    shape = (len(row.epsilons), n_examples)
    return AttackOutcome(
        name=row.name,
        norm=Norm(row.norm),
        epsilons=tuple(row.epsilons),
        n_examples=row.n_examples,
        tried=unpack(row.tried, shape),
        broken=unpack(row.broken, shape),
        distances=None if row.distances is None else _distances(row.distances),
        elapsed_s=row.elapsed_s,
        details=row.details,
    )


def _distances(content: bytes) -> Distances:
    values: NDArray[np.float32] = np.frombuffer(content, "<f4").astype(np.float32)
    return values


def pack(flags: Flags) -> bytes:
    """Return flags of any shape as packed bits, row by row."""
    return np.packbits(flags.reshape(-1)).tobytes()


def unpack(content: bytes, shape: tuple[int, ...]) -> Flags:
    """Read `pack`."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8), count=int(np.prod(shape)))
    flags: Flags = bits.astype(bool).reshape(shape)
    return flags
