"""What a device and its toolchain can take: legal layers and widths, flash, RAM; presets and the user's files.

Arithmetic and TOML only, so a study can be held against its target before anything is trained.
"""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from spaces.errors import SpecError
from spaces.layer_policy import LayerKind
from spaces.objectives import Constraint
from spaces.spec_values import ActivationBits, Count, Section, WeightBits, as_tuple, describe_problem
from spaces.target_names import TARGET_PRESETS, target_names


class Operation(StrEnum):
    """The operations between layers; a network's normalizations are folded into layers and need none."""

    RESCALE = "rescale"
    RELU = "relu"
    ADD = "add"
    GLOBAL_AVERAGE_POOL = "global_average_pool"
    FLATTEN = "flatten"


class LayerLimits(Section):
    """The widths that a device takes in layers of one kind.

    Attributes:
        weight_bits: legal widths of the layer's weights.
        activation_bits: legal widths of the activation behind the layer.
    """

    weight_bits: WeightBits
    activation_bits: ActivationBits

    def legal(self, field: str) -> tuple[int, ...]:
        """Return the widths of `weight_bits` or `activation_bits`."""
        values: tuple[int, ...] = getattr(self, field)
        return values


class Target(Section):
    """A device with its toolchain.

    Attributes:
        name: as `--target` takes it.
        description: what it is, one sentence.
        sources: where the limits are written down.
        layers: layer kind -> widths; a kind that is missing cannot run there.
        operations: the operations between layers that can run there.
        flash_bytes: what the parameters may take; None for no limit.
        ram_bytes: what the activations may take; None for no limit.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
    description: str
    sources: tuple[str, ...] = ()
    layers: Annotated[Mapping[LayerKind, LayerLimits], Field(min_length=1)]
    operations: Annotated[tuple[Operation, ...], BeforeValidator(as_tuple)] = tuple(Operation)
    flash_bytes: Count | None = None
    ram_bytes: Count | None = None

    def constraints(self) -> tuple[Constraint, ...]:
        """Return the device's memories as constraints on `size_bytes` and `ram_bytes`."""
        bounds = {"size_bytes": self.flash_bytes, "ram_bytes": self.ram_bytes}
        return tuple(
            Constraint(name=metric, bound=float(bound), is_upper=True)
            for metric, bound in bounds.items()
            if bound is not None
        )

    def limits(self, layer: str, kind: LayerKind) -> LayerLimits:
        """Return the widths that are legal in a layer.

        Raises:
            SpecError: layers of that kind cannot run there.
        """
        limits = self.layers.get(kind)
        if limits is None:
            raise SpecError(
                f"target {self.name!r} takes no {kind.value} layers, as {layer!r} is one; it takes "
                f"{', '.join(self.layers)}. Choose another topology or another target."
            )
        return limits


def load_target(target: str) -> Target:
    """Read a target.

    Args:
        target: a preset's name, or the path of a TOML file (it ends in `.toml` or holds a slash). A file that names no
            target is named after the file.

    Raises:
        SpecError: no such preset or file, not TOML, or a key or value that does not hold.
    """
    path = Path(target) if target.endswith(".toml") or "/" in target else TARGET_PRESETS / f"{target}.toml"
    known = f"presets: {', '.join(target_names())}; or give the path of a .toml file"
    if not path.is_file():
        raise SpecError(f"unknown target {target!r}; {known}.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not valid TOML: {error}.") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}.") from None
    content.setdefault("name", path.stem)
    try:
        return Target.model_validate(content)
    except ValidationError as error:
        lines = [describe_problem(dict(item)) for item in error.errors(include_url=False)]
        raise SpecError(f"{path}: " + "; ".join(lines) + ".") from None


def read_target(value: Any) -> Any:
    """Turn the name or file that a study gives into the target's content; leave everything else to pydantic.

    Raises:
        ValueError: there is no such target.
    """
    if not isinstance(value, str):
        return value
    try:
        return load_target(value)
    except SpecError as error:
        raise ValueError(str(error).rstrip(".")) from None
