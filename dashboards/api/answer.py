"""What all answers of the API share.

Moments are ISO 8601 in UTC, accuracies fractions, sizes bytes; numbers that are not finite are null.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from spaces.check_result import CheckResult
from storage.conversion import plain_json

Fraction = Annotated[float, Field(ge=0, le=1)]


class Answer(BaseModel):
    """Base of all answers: frozen, and every field that the schema names is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Answer):
    """Why a request was not answered."""

    status: int
    message: str = Field(description="What was asked for, what holds, and what to do.")


class Check(Answer):
    """One check: a sign that a robust accuracy is or is not to be trusted."""

    name: str
    value: float | None
    bound: float | None
    passed: bool
    is_precondition: bool

    @classmethod
    def of(cls, check: CheckResult) -> "Check":
        """Return what the API says of a check."""
        return cls(**plain_json(check.to_json()))
