"""What the shell completes: stored studies, presets, selections, samplers. A completion prints no errors."""

import os
from collections.abc import Iterable
from pathlib import Path

import typer

from spaces.errors import SearchError

_PRESETS = Path(__file__).parents[2] / "spaces" / "studies"
_SAMPLERS = ("tpe", "nsga2", "random")
_SELECTIONS = ("knee", "front", "best:clean_accuracy", "best:robust_accuracy", "best:size_bytes", "trial:")


def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the studies of the command's database, and the presets."""
    return _matching({*_stored(ctx), *_presets()}, incomplete)


def complete_preset(incomplete: str) -> list[str]:
    """Return the presets, and the study files of the working folder."""
    return _matching({*_presets(), *(path.name for path in Path().glob("*.toml"))}, incomplete)


def complete_selection(incomplete: str) -> list[str]:
    """Return how trials are selected."""
    return _matching(_SELECTIONS, incomplete)


def complete_sampler(incomplete: str) -> list[str]:
    """Return the samplers, named here because the table of them comes with Optuna."""
    return _matching(_SAMPLERS, incomplete)


def _matching(words: Iterable[str], incomplete: str) -> list[str]:
    return sorted(word for word in words if word.startswith(incomplete))


def _presets() -> list[str]:
    return [path.stem for path in _PRESETS.glob("*.toml")]


def _stored(context: typer.Context) -> list[str]:
    """Return the studies of the database that the command line or the environment names; none where there is none."""
    from search.bootstrap import open_memory
    from search.cli.options import DEFAULT_STORAGE

    storage = context.params.get("storage") or os.environ.get("SEARCH_STORAGE") or DEFAULT_STORAGE
    try:
        return [record.name for record in open_memory(str(storage)).repository.studies()]
    except SearchError:
        return []  # a completion has no place for an error; the command itself says it
