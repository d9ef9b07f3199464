"""How far long work is that goes by steps, as those tell it who do it; how it is shown is no matter of theirs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkSteps:
    """Where work stands.

    Attributes:
        what: is being done now.
        noun: what the steps are, in the plural: "files".
        done: steps that are behind.
        total: of all steps; None where nobody knows how many there are.
    """

    what: str
    noun: str
    done: int = 0
    total: int | None = None


OnSteps: TypeAlias = Callable[[WorkSteps], None]  # returns at once


def unwatched(_steps: WorkSteps) -> None:
    """Tell nobody."""
