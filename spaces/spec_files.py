"""Reading a study specification: a preset's name or the path of a TOML file; errors name file, key and value."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from spaces.errors import SpecError
from spaces.spec_values import describe_problem
from spaces.study_spec import StudySpec

_PRESETS = Path(__file__).parent / "studies"


def preset_names() -> list[str]:
    """Return the names that `load_spec` knows without a file."""
    return sorted(path.stem for path in _PRESETS.glob("*.toml"))


def load_spec(study: str, *, overrides: Mapping[str, Any] | None = None) -> StudySpec:
    """Read a study specification.

    Args:
        study: a preset's name, or the path of a TOML file (it ends in `.toml` or holds a slash). A file that names
            no study is named after the file.
        overrides: dotted keys that replace what the file says, e.g. {"budget.trials": 8}.

    Raises:
        SpecError: no such preset or file, not TOML, or a key or value that does not hold.
    """
    path = _find(study)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not valid TOML: {error}.") from None
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {error.strerror}.") from None
    content.setdefault("name", path.stem)
    for key, value in (overrides or {}).items():
        _override(content, key, value)
    return parse_spec(content, source=str(path))


def parse_spec(content: Mapping[str, Any], *, source: str) -> StudySpec:
    """Check plain values and return the specification; `source` is named in the error.

    Raises:
        SpecError: one line for every key that does not hold.
    """
    try:
        return StudySpec.model_validate(content)
    except ValidationError as error:
        lines = [describe_problem(dict(item)) for item in error.errors(include_url=False)]
        raise SpecError(f"{source}: " + "; ".join(lines) + ".") from None


def _find(study: str) -> Path:
    if study.endswith(".toml") or "/" in study:
        path = Path(study)
        if not path.is_file():
            raise SpecError(f"study file {study} does not exist; give an existing TOML file or a preset: {_known()}.")
        return path
    if study not in preset_names():
        raise SpecError(f"unknown study {study!r}; presets: {_known()}; or give the path of a .toml file.")
    return _PRESETS / f"{study}.toml"


def _known() -> str:
    return ", ".join(preset_names())


def _override(content: dict[str, Any], dotted_key: str, value: Any) -> None:
    *sections, key = dotted_key.split(".")
    table = content
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise SpecError(f"{dotted_key}: {section} is no section; got {table!r} there.")
    table[key] = value
