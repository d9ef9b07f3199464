"""A study's trials in the terminal, by two of its objectives."""

from rich.console import Console

from dashboards.fired_checks import fired_checks
from dashboards.labels import metric_title_with_direction
from dashboards.snapshot import StudySnapshot
from search.cli.scatter import Axis, Mark, scatter_lines
from spaces.errors import SelectionError

_HEIGHT = 16
_MAX_WIDTH = 100
_LEGEND = "o front  ? front, a check fired  * baseline off it  . other complete trial"


def plot_objectives(snapshot: StudySnapshot, wanted: str) -> tuple[str, str]:
    """Return the objectives of the x and the y axis.

    Args:
        snapshot: of the study.
        wanted: two objectives, separated by a comma; empty for the study's last and first one.

    Raises:
        SelectionError: they are not two objectives of the study.
    """
    names = [objective.name for objective in snapshot.objectives]
    if not wanted:
        return names[-1], names[0]
    chosen = [name.strip() for name in wanted.split(",")]
    if len(chosen) != 2 or len(set(chosen)) != 2 or not set(chosen) <= set(names):
        raise SelectionError(f"--axes takes two of {', '.join(names)}, separated by a comma; got {wanted!r}.")
    return chosen[0], chosen[1]


def print_plot(console: Console, snapshot: StudySnapshot, *, axes: tuple[str, str]) -> None:
    """Draw all complete trials, those of the front last; nothing where none is complete."""
    marks = _marks(snapshot, axes)
    if not marks:
        return
    x_axis, y_axis = (
        Axis(title=metric_title_with_direction(name), value_format=".3f" if name.endswith("_accuracy") else ",.0f")
        for name in axes
    )
    width = max(30, min(console.width, _MAX_WIDTH))
    for line in scatter_lines(marks, x_axis=x_axis, y_axis=y_axis, width=width, height=_HEIGHT):
        console.print(line, highlight=False, markup=False, no_wrap=True, overflow="crop")
    console.print(_LEGEND, highlight=False, markup=False)


def _marks(snapshot: StudySnapshot, axes: tuple[str, str]) -> list[Mark]:
    fired, front = fired_checks(snapshot), set(snapshot.front_numbers)
    layers: dict[str, list[Mark]] = {".": [], "*": [], "o": [], "?": []}
    for number, measurement in snapshot.measurements.items():
        if number in front:
            character = "?" if number in fired else "o"
        else:
            character = "*" if number in snapshot.baselines else "."
        x, y = (measurement.metric(name) for name in axes)
        layers[character].append(Mark(x=x, y=y, character=character))
    return [mark for layer in layers.values() for mark in layer]
