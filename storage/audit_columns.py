"""What an audit and each of its attacks found, as the columns of their rows and back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaces.audit import AttackOutcome, CleanCount, Distances, Flags
from spaces.check_result import CheckResult
from spaces.norms import Norm
from storage.audit_schema import AttackColumns, AuditColumns
from storage.conversion import plain_json


def audit_columns(*, settings: Mapping[str, Any], is_right: Flags, created_at: datetime) -> dict[str, Any]:
    """Return the columns of an audit that begins."""
    return {
        "settings": plain_json(settings),
        "n_examples": len(is_right),
        "is_right": pack(is_right),
        "created_at": created_at,
    }


def audit_fields(row: AuditColumns, attacks: Sequence[AttackColumns]) -> dict[str, Any]:
    """Read the columns of an audit and those of its attacks, as fields of `storage.audit_state.AuditState`."""
    whole_test = None
    if row.n_test is not None and row.n_test_right is not None:
        whole_test = CleanCount(n_right=row.n_test_right, n_examples=row.n_test)
    return {
        "key": row.key,
        "settings": row.settings,
        "is_right": unpack(row.is_right, (row.n_examples,)),
        "whole_test": whole_test,
        "attacks": tuple(attack_outcome(attack, row.n_examples) for attack in attacks),
        "checks": None if row.checks is None else tuple(CheckResult.from_json(check) for check in row.checks),
        "created_at": row.created_at,
    }


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
