"""Where a trial's bytes are: weights, biases and scales of every layer."""

from dataclasses import dataclass

from dashboards.snapshot import StudySnapshot

PARTS = ("weight", "bias", "scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBytesInfo:
    """The parameters of one trial in flash.

    Attributes:
        layers: rows, in the topology's order.
        parts: part of `PARTS` -> bytes of every layer.  # [n_layers] each
        total: bytes of all layers.
        note: why there is nothing to draw; None when there is.
    """

    title: str
    layers: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]
    total: int
    is_synthetic: bool
    note: str | None


def layer_bytes_info(snapshot: StudySnapshot, number: int) -> LayerBytesInfo:
    """Collect the bytes of one trial, as it recorded them.

    Raises:
        SelectionError: there is no such trial.
    """
    layers = snapshot.trial(number).details.get("layers", ())
    parts = tuple(tuple(int(layer.get(f"{part}_bytes", 0)) for layer in layers) for part in PARTS)
    return LayerBytesInfo(
        title=f"Where the bytes of trial {number} are",
        layers=tuple(str(layer["name"]) for layer in layers),
        parts=parts,
        total=sum(map(sum, parts)),
        is_synthetic=snapshot.study.is_synthetic,
        note=None if layers else f"trial {number} recorded no sizes of layers",
    )
