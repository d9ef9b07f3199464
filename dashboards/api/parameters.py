"""Parameters of the API: how each is read from text, and how the OpenAPI document tells it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spaces.errors import SpecError
from storage.records import MAX_INTEGER, TrialState

_DIGITS = len(str(MAX_INTEGER))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter in the path or the query.

    Attributes:
        read: text -> value; raises `SpecError`, which becomes status 400.
        schema: JSON Schema of what `read` takes.
        default: value of a query parameter that is not given.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    in_path: bool = False
    default: Any = None

    def document(self) -> dict[str, Any]:
        """Return the parameter as OpenAPI has it."""
        return {
            "name": self.name,
            "in": "path" if self.in_path else "query",
            "required": self.in_path,
            "description": self.description,
            "schema": dict(self.schema),
        }


def integer(
    name: str, description: str, *, least: int = 0, most: int = MAX_INTEGER, in_path: bool = False, default: Any = None
) -> Parameter:
    """Return a parameter that is a whole number within bounds."""

    def read(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS
        if not is_number or not least <= int(text) <= most:
            raise SpecError(f"{name} must be a whole number from {least} to {most}; got {text[:50]!r}.")
        return int(text)

    schema = {"type": "integer", "minimum": least, "maximum": most}
    if default is not None:
        schema["default"] = default
    return Parameter(name=name, description=description, schema=schema, read=read, in_path=in_path, default=default)


def _state(text: str) -> TrialState:
    try:
        return TrialState(text)
    except ValueError:
        known = ", ".join(TrialState)
        raise SpecError(f"state is one of {known}; got {text[:50]!r}.") from None


STUDY = Parameter(
    name="study",
    description="Name of a study.",
    schema={"type": "string", "minLength": 1},
    read=str,
    in_path=True,
)
NUMBER = integer("number", "Number of a trial.", in_path=True)
REVISION = integer("revision", "Revision of the front; the present one without it.")
STATE = Parameter(
    name="state",
    description="Trials in this state alone.",
    schema={"type": "string", "enum": [state.value for state in TrialState]},
    read=_state,
)
AFTER = integer("after", "Trials with a larger number than this one: `next_after` of the page before.")
LIMIT = integer("limit", "Trials on a page, at most.", least=1, most=500, default=100)
