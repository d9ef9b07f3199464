"""How the values of a study file are read and checked, before any of them means something."""

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from spaces.layer_policy import ACTIVATION_BITS, WEIGHT_BITS

MOST_WIDTH = 64.0  # ResNet-8 has over 300 million weights there; a slip such as 1e9 would ask for all memory
_CLASSES_BESIDE_WORDS = ("silence", "unknown")


def as_tuple(value: Any) -> Any:
    """Read a single value as a list of one; leave everything else to pydantic."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("at least one choice must be given; got none")
    if len(set(values)) != len(values):
        raise ValueError(f"choices must be distinct; got {list(values)}")
    return values


def _offers_zero(values: tuple[float, ...]) -> tuple[float, ...]:
    if 0.0 not in values:
        raise ValueError(
            f"choices must contain 0.0, which trial 0, the baseline without Jacobian terms, takes; got {list(values)}"
        )
    return values


def _bits_among(allowed: Sequence[int]) -> Any:
    def check(values: tuple[int, ...]) -> tuple[int, ...]:
        for value in values:
            if value not in allowed:
                raise ValueError(f"bits must be among {list(allowed)}; got {value}")
        return values

    return check


def _number(value: Any) -> Any:
    """Read '4/255' as the fraction that it is; leave everything else to pydantic."""
    if isinstance(value, str):
        try:
            numerator, slash, denominator = value.partition("/")
            return float(numerator) / (float(denominator) if slash else 1.0)
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"must be a number or a fraction such as '4/255'; got {value!r}") from None
    return value


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError(f"words must be distinct; got {list(values)}")
    taken = [word for word in values if word in _CLASSES_BESIDE_WORDS or not word or word.startswith(("_", "."))]
    if taken:
        raise ValueError(
            f"words must be names of folders of recordings, and {', '.join(_CLASSES_BESIDE_WORDS)} are classes of "
            f"their own; got {taken}"
        )
    return values


# Strict: pydantic would else read true as 1 and "8" as 8. An integer still passes for a float.
Integer: TypeAlias = Annotated[int, Field(strict=True)]
Number: TypeAlias = Annotated[float, Field(strict=True, allow_inf_nan=False)]
WeightBits: TypeAlias = Annotated[
    tuple[Integer, ...], BeforeValidator(as_tuple), AfterValidator(_bits_among(WEIGHT_BITS)), AfterValidator(_distinct)
]
ActivationBits: TypeAlias = Annotated[
    tuple[Integer, ...],
    BeforeValidator(as_tuple),
    AfterValidator(_bits_among(ACTIVATION_BITS)),
    AfterValidator(_distinct),
]
NonNegative: TypeAlias = Annotated[Number, Field(ge=0)]
Positive: TypeAlias = Annotated[Number, Field(gt=0)]
NonNegativeChoices: TypeAlias = Annotated[tuple[NonNegative, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
PositiveChoices: TypeAlias = Annotated[tuple[Positive, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
Width: TypeAlias = Annotated[Positive, Field(le=MOST_WIDTH)]
Widths: TypeAlias = Annotated[tuple[Width, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
JacobianWeights: TypeAlias = Annotated[NonNegativeChoices, AfterValidator(_offers_zero)]
Epsilon: TypeAlias = Annotated[Positive, BeforeValidator(_number)]
Epsilons: TypeAlias = Annotated[tuple[Epsilon, ...], BeforeValidator(as_tuple), AfterValidator(_distinct)]
Words: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(as_tuple), AfterValidator(_words)]
Boolean: TypeAlias = Annotated[bool, Field(strict=True)]
Count: TypeAlias = Annotated[Integer, Field(ge=1)]


class Section(BaseModel):
    """A table of a study file: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def describe_problem(item: dict[str, Any]) -> str:
    """Return key, value and what does not hold, from one error of pydantic."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in item["loc"]).lstrip(".")
    where = key or "the specification"
    match item["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key (value {item['input']!r}); remove it or correct its name"
        case "missing":
            return f"{where}: required, but not given"
        case "value_error":
            return f"{where}: {item['ctx']['error']}"
        case _:
            return f"{where} = {item['input']!r}: {item['msg'][0].lower()}{item['msg'][1:]}"
