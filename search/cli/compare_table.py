"""How a comparison with a reference model looks: tables, JSON values."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from dashboards.infos.reference_comparison import AttackedView, ComparedModel, ReferenceComparisonInfo
from dashboards.labels import audit_options, epsilon_labels, format_gain, radius_labels
from search.cli.accuracy_texts import beside_attacked, interval_text
from search.cli.fitted_tables import least_width, print_table

_SIGNIFICANT = 0.05


def print_comparison(console: Console, study: str, info: ReferenceComparisonInfo) -> None:
    """Print a table a size class, the attacks of its most robust model, and what was left out."""
    quick = ", quick" if info.is_quick else ""
    console.print(
        f"front of {study} beside {info.title}: {info.n_examples} test examples{quick}, L-inf worst cases with 95% "
        f"Wilson intervals, points with paired ones; * McNemar's mid-p below {_SIGNIFICANT:g}",
        highlight=False,
        soft_wrap=True,
    )
    for title, models in (("at most as large", info.as_large), ("at most a quarter as large", info.a_quarter)):
        if models:
            _print_class(console, info, models, title)
        else:
            console.print(f"{title}: no audited model of the front")
    shown = list(dict.fromkeys([info.reference, *info.as_large[:1], *info.a_quarter[:1]]))
    print_table(console, _attack_table(info, shown))
    for position in range(len(info.reference.beyond)):
        print_table(console, _norm_table([info.reference, *info.models], position))
    for model in (info.reference, *info.models):
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
    values["views"] = [asdict(view) | {"mean": view.mean, "mean_gain": view.mean_gain} for view in model.views]
    values["attacks"] = [{"name": name, "accuracy": list(accuracy)} for name, accuracy in model.attacks]
    return values


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


def _cells(view: AttackedView, *, pattern: str = "{0} ({1}){2}") -> list[str]:
    """Return the accuracy at each radius, its interval and its star, put together as the pattern says."""
    stars = ["*" if item.p_value < _SIGNIFICANT else "" for item in view.comparisons] or [""] * len(view.accuracy)
    return [
        pattern.format(f"{value:.3f}", interval_text(interval), star)
        for value, interval, star in zip(view.accuracy, view.intervals, stars, strict=True)
    ]


def _attack_table(info: ReferenceComparisonInfo, models: Sequence[ComparedModel]) -> Table:
    table = Table(title="accuracy under each L-inf attack", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("attack", no_wrap=True)
    for heading in epsilon_labels(info.epsilons):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in models:
        for index, (name, accuracy) in enumerate(model.attacks):
            label = model.marked_label if index == 0 else ""
            table.add_row(label, name, *(f"{value:.3f}" for value in accuracy))
        table.add_section()
    return table


def _norm_table(models: Sequence[ComparedModel], position: int) -> Table:
    """Return the worst cases of all models in a norm beyond L-inf."""
    first = models[0].beyond[position]
    title = f"worst case within {first.norm.value} radius"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in (*radius_labels(first.norm, first.epsilons), "mean"):
        table.add_column(heading, justify="right", no_wrap=True)
    for model in models:
        worst = model.beyond[position]
        table.add_row(model.marked_label, *(f"{value:.3f}" for value in (*worst.accuracy, worst.mean)))
    return table


def _clean_cells(model: ComparedModel) -> list[str]:
    """Return for each view what stands in its row: clean accuracy on the attacked examples, then on the whole split."""
    attacked = f"{model.clean_accuracy:.3f} ({interval_text(model.clean_interval)})"
    whole = "" if model.whole_test is None else f"whole {model.whole_test.accuracy:.3f}"
    return [attacked, whole, *[""] * (len(model.views) - 2)]
