"""All areas one after the other; an area whose own imports fail is a finding too."""

from collections.abc import Callable, Iterator
from pathlib import Path

from search.health.finding import Finding, Status


def examine(storage: str, *, data_dir: Path | None) -> Iterator[Finding]:
    """Yield the findings of all areas; some take seconds.

    Args:
        storage: database URL or SQLite path.
        data_dir: where data sets are looked for first.
    """
    areas: dict[str, Callable[[], list[Finding]]] = {
        "packages": _packages,
        "tensorflow import": _tensorflow,
        "data": lambda: _data(data_dir),
        "database": lambda: _database(storage),
        "machine": _machine,
    }
    for what, look in areas.items():
        try:
            yield from look()
        except ImportError as error:
            text, advice = f"cannot be looked at: {error}", "install the packages that are missing, then look again"
            yield Finding(what=what, status=Status.PROBLEM, text=text, advice=advice)


# Each area imports what it needs when it is looked at: what one lacks does not hide the others.


def _packages() -> list[Finding]:
    from search.health.packages import package_findings

    return package_findings()


def _tensorflow() -> list[Finding]:
    from search.health.tensorflow import tensorflow_finding

    return [tensorflow_finding()]


def _data(data_dir: Path | None) -> list[Finding]:
    from search.health.data import data_findings

    return data_findings(data_dir)


def _database(storage: str) -> list[Finding]:
    from search.health.database import database_findings

    return database_findings(storage)


def _machine() -> list[Finding]:
    from search.health.machine import thread_finding, tool_findings

    return [thread_finding(), *tool_findings()]
