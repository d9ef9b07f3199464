"""A scatter plot of a front in characters, as wide as the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

_LABEL_WIDTH = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A point and the character that stands for it; of several in one place the last is seen."""

    x: float
    y: float
    character: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What an axis is called, and how its end values are written."""

    title: str
    value_format: str


def scatter_lines(marks: Sequence[Mark], *, x_axis: Axis, y_axis: Axis, width: int, height: int) -> list[str]:
    """Return the plot's lines: a title, `height` rows between the axes, and the x axis with its ends.

    Args:
        marks: at least one.
        x_axis, y_axis: how the axes are labelled.
        width: characters of a whole line, at least 30.
        height: rows of the plotting area, at least 2.
    """
    columns = width - _LABEL_WIDTH - 2
    x_low, x_high = _ends([mark.x for mark in marks])
    y_low, y_high = _ends([mark.y for mark in marks])
    grid = [[" "] * columns for _ in range(height)]
    for mark in marks:
        column = round((mark.x - x_low) / (x_high - x_low) * (columns - 1))
        row = round((y_high - mark.y) / (y_high - y_low) * (height - 1))
        grid[row][column] = mark.character
    labels = [""] * height
    labels[0], labels[-1] = format(y_high, y_axis.value_format), format(y_low, y_axis.value_format)
    rows = [f"{label:>{_LABEL_WIDTH}} |{''.join(cells)}".rstrip() for label, cells in zip(labels, grid, strict=True)]
    left, right = format(x_low, x_axis.value_format), format(x_high, x_axis.value_format)
    foot = left + x_axis.title.center(columns - len(left) - len(right)) + right
    indent = " " * (_LABEL_WIDTH + 2)
    return [y_axis.title, *rows, f"{indent[:-1]}+{'-' * columns}", indent + foot]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Return where an axis begins and ends; a single value gets room on both sides."""
    low, high = min(values), max(values)
    if low < high:
        return low, high
    room = abs(low) * 0.05 or 1.0
    return low - room, high + room
