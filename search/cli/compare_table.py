"""How a comparison with a reference model looks: tables, JSON values."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dashboards.infos.compared_models import AttackedView, ComparedModel, ReferenceComparisonInfo
from dashboards.labels import audit_options, epsilon_labels, format_gain, radius_labels, star
from search.cli.accuracy_texts import beside_attacked, interval_text
from search.cli.fitted_tables import fitted, least_width, print_table
from spaces.statistics import SIGNIFICANCE

# Accuracy, interval and star of one radius.
_BESIDE = "{0} ({1}){2}"
_BELOW = "{0}{2:1}\n{1}"
_ALONE = "{0}{2:1}"


def print_comparison(console: Console, study: str, info: ReferenceComparisonInfo) -> None:
    """Print a table a size class, the attacks of its most robust model, and what was left out."""
    quick = ", quick" if info.is_quick else ""
    console.print(
        f"front of {study} beside {info.title}: {info.n_examples} test examples{quick}, L-inf worst cases with 95% "
        f"Wilson intervals, points with paired ones; * McNemar's mid-p below {SIGNIFICANCE:g}",
        highlight=False,
        soft_wrap=True,
    )
    for title, models in (("at most as large", info.as_large), ("at most a quarter as large", info.a_quarter)):
        if models:
            _print_class(console, info, models, title)
        else:
            console.print(f"{title}: no audited model of the front")
    for model in info.rows:
        _print_widest(console, partial(_attack_table, model, info.epsilons))
    if any(view.counts_earlier for model in info.rows for view in model.attacks):
        console.print(
            "+ ran on what the attacks above it (a black-box one: the black-box ones above it) had left, and counts "
            "what they broke",
            highlight=False,
            soft_wrap=True,
        )
    for position in range(len(info.reference.beyond)):
        _print_widest(console, partial(_norm_table, info, position))
    for model in info.rows:
        for line in model.doubts:
            console.print(f"? {model.label}: {line}", highlight=False, soft_wrap=True)
    if info.left_out:
        console.print(
            f"of the front, without a finished audit of the same examples, radii and attacks: "
            f"{', '.join(str(number) for number in info.left_out)}; "
            f"{audit_options(info.n_examples, is_quick=info.is_quick)} runs them",
            highlight=False,
            soft_wrap=True,
        )


def comparison_values(info: ReferenceComparisonInfo) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "reference": _model_values(info.reference),
        "title": info.title,
        "epsilons": list(info.epsilons),
        "n_examples": info.n_examples,
        "is_quick": info.is_quick,
        "models": [_model_values(model) for model in info.models],
        "at_most_as_large": [model.number for model in info.as_large],
        "at_most_a_quarter": [model.number for model in info.a_quarter],
        "left_out": list(info.left_out),
    }


def _model_values(model: ComparedModel) -> dict[str, Any]:
    values = asdict(model)
    values["is_suspect"] = model.is_suspect
    values["views"] = [_view_values(view) for view in model.views]
    values["attacks"] = [asdict(view) for view in model.attacks]
    values["beyond"] = [_view_values(view) for view in model.beyond]
    return values


def _view_values(view: AttackedView) -> dict[str, Any]:
    return asdict(view) | {"mean": view.mean, "mean_gain": view.mean_gain}


def _print_class(console: Console, info: ReferenceComparisonInfo, models: Sequence[ComparedModel], title: str) -> None:
    """Print the models of a size class in one table, or where the terminal is narrow in one for each."""
    whole = _table(info, models, title)
    if least_width(console, whole) <= console.width:
        console.print(whole)
        return
    console.print(title)
    for model in (info.reference, *models):
        clean = f"{_clean_cells(model)[0]}{beside_attacked(model.whole_test)}"
        console.print(
            f"{model.marked_label}: {model.size_bytes:,} bytes, clean {clean}", highlight=False, soft_wrap=True
        )
        print_table(console, _narrow_table(info, model))


def _table(info: ReferenceComparisonInfo, models: Sequence[ComparedModel], title: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("model", "bytes", "clean", "worst case of", *epsilon_labels(info.epsilons), "mean", "points more"):
        table.add_column(heading, justify="left" if heading in ("model", "worst case of") else "right", no_wrap=True)
    for model in (info.reference, *models):
        clean = _clean_cells(model)
        for index, view in enumerate(model.views):
            named = (model.marked_label, f"{model.size_bytes:,}") if index == 0 else ("", "")
            table.add_row(
                *named,
                clean[index],
                view.name,
                *_cells(view),
                f"{view.mean:.3f}",
                format_gain(view.mean_gain, view.gain_interval),
            )
        table.add_section()
    return table


def _narrow_table(info: ReferenceComparisonInfo, model: ComparedModel) -> Table:
    """Return a table of one model, a row for each radius."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("within", no_wrap=True)
    for view in model.views:
        table.add_column(view.name, justify="right", no_wrap=True)
    columns = [_cells(view, pattern="{0}{2:1} {1}") for view in model.views]
    for label, *cells in zip(epsilon_labels(info.epsilons), *columns, strict=True):
        table.add_row(label, *cells)
    table.add_row("mean", *(f"{view.mean:.3f}" for view in model.views))
    if any(view.mean_gain is not None for view in model.views):
        table.add_row("points", *(format_gain(view.mean_gain, view.gain_interval) for view in model.views))
    return table


def _cells(view: AttackedView, *, pattern: str = _BESIDE) -> list[str]:
    """Return the accuracy at each radius, its interval and its star, put together as the pattern says."""
    return [
        pattern.format(f"{value:.3f}", interval_text(interval), mark)
        for value, interval, mark in zip(view.accuracy, view.intervals, view.stars, strict=True)
    ]


def _print_widest(console: Console, make: Callable[[str], Table]) -> None:
    """Print a table with its intervals behind the accuracies; where that is too wide below them, or without."""
    for table in (make(_BESIDE), fitted(console, make(_BELOW))):
        if least_width(console, table) <= console.width:
            console.print(table)
            return
    print_table(console, make(_ALONE))
    console.print("  too narrow for all figures; --json has them")


def _attack_table(model: ComparedModel, epsilons: Sequence[float], pattern: str) -> Table:
    title = f"{model.marked_label}: accuracy under each L-inf attack, of so many examples"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("attack", no_wrap=True)
    for heading in ("of", *epsilon_labels(epsilons)):
        table.add_column(heading, justify="right", no_wrap=True)
    for view in model.attacks:
        name = f"{view.name} +" if view.counts_earlier else view.name
        table.add_row(name, str(view.n_examples), *_cells(view, pattern=pattern))
    return table


def _norm_table(info: ReferenceComparisonInfo, position: int, pattern: str) -> Table:
    """Return the worst cases of all models in a norm beyond L-inf."""
    first = info.reference.beyond[position]
    title = f"worst case within {first.norm.value} radius"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    points = [] if pattern == _ALONE else ["points more"]
    for heading in (*radius_labels(first.norm, first.epsilons), "mean", *points):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in info.rows:
        view = model.beyond[position]
        gains = [format_gain(view.mean_gain, view.gain_interval) for _ in points]
        table.add_row(model.marked_label, *_cells(view, pattern=pattern), f"{view.mean:.3f}", *gains)
    return table


def _clean_cells(model: ComparedModel) -> list[str]:
    """Return for each view what stands in its row: clean accuracy on the attacked examples, then on the whole split."""
    attacked = f"{model.clean_accuracy:.3f} ({interval_text(model.clean_interval)}){star(model.clean_comparison)}"
    whole = "" if model.whole_test is None else f"whole {model.whole_test.accuracy:.3f}"
    return [attacked, whole, *[""] * (len(model.views) - 2)]
