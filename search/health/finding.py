"""What one look at the installation found."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is: OK, a NOTE that asks for nothing, a WARNING that may cost time, a PROBLEM that stops the work."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's table.

    Attributes:
        what: that was looked at.
        text: what was found.
        advice: the way out; empty where none is needed.
    """

    what: str
    status: Status
    text: str
    advice: str = ""
