"""Whether the database can be used: its place, its schema, its studies, and the room beside it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from search.health.finding import Finding, Status
from search.health.packages import installed_version
from spaces.errors import SearchError
from storage.database_state import DatabaseContent, DatabasePlace, database_content, database_place
from storage.records import StudyRecord

_SCARCE_BYTES = 2e9  # some hundred models and checkpoints of ResNet-8 with room for the database
_FULL_BYTES = 100e6


def database_findings(storage: str) -> list[Finding]:
    """Return findings for a database and its disk; a file that is not there is not made."""
    try:
        place = database_place(storage)
        findings = [disk_finding(_existing(place.artifacts))]
        if place.file is not None and not place.file.is_file() and place.file.parent.is_dir():
            text = f"{place.url} does not exist yet; `launch` makes it"
            return [Finding(what="database", status=Status.NOTE, text=text), *findings]
        content = database_content(storage)
    except SearchError as error:
        found, _, way_out = str(error).rpartition("; ")
        return [Finding(what="database", status=Status.PROBLEM, text=found or way_out, advice=way_out if found else "")]
    return [
        place_finding(place),
        *findings,
        schema_finding(content),
        *study_findings(content.studies or (), installed_optuna=installed_version("optuna")),
    ]


def place_finding(place: DatabasePlace) -> Finding:
    """Return what kind of database it is, now that it has answered."""
    if place.file is None:
        return Finding(what="database", status=Status.OK, text=f"{place.url} answers")
    text = f"{place.url} on {place.file_system or 'an unknown file system'}"
    if place.is_wal:
        return Finding(what="database", status=Status.OK, text=f"{text}, write-ahead log")
    text += ", without a write-ahead log, so that a reader stops the writers"
    advice = "nothing to do: it was changed to one just now; if this comes again, the folder does not allow it"
    return Finding(what="database", status=Status.WARNING, text=text, advice=advice)


def schema_finding(content: DatabaseContent) -> Finding:
    """Return whether the tables are those of this package."""
    newest = content.known_revisions[-1]
    if content.revision == newest:
        return Finding(what="schema", status=Status.OK, text=newest)
    if content.revision is None:
        return Finding(what="schema", status=Status.NOTE, text="no tables yet; `launch` makes them")
    if content.revision in content.known_revisions:
        advice = "python -m search db upgrade (any other command does so too)"
        text = f"{content.revision}, this version has {newest}"
        return Finding(what="schema", status=Status.WARNING, text=text, advice=advice)
    text = f"{content.revision} is of a newer version of this package, which knows up to {newest}"
    return Finding(what="schema", status=Status.PROBLEM, text=text, advice="update the package")


def study_findings(studies: Sequence[StudyRecord], *, installed_optuna: str | None) -> list[Finding]:
    """Return for every study whether workers of this installation may join it: it keeps to one version of Optuna."""
    findings = []
    for study in studies:
        what, began_with = f"study {study.name}", study.versions.get("optuna")
        if began_with in (None, installed_optuna):
            findings.append(
                Finding(what=what, status=Status.OK, text=f"Optuna {began_with or 'of an unknown version'}")
            )
            continue
        text = f"was started with Optuna {began_with}, installed is {installed_optuna or 'none'}: it takes no workers"
        advice = f"pip install optuna=={began_with}, or start a new study"
        findings.append(Finding(what=what, status=Status.WARNING, text=text, advice=advice))
    return findings


def disk_finding(folder: Path) -> Finding:
    """Return how much room a folder has, and whether it can be written to."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free in {folder}"
    if not os.access(folder, os.W_OK):
        text, advice = f"{folder} cannot be written to", "change its rights, or give another --storage"
        return Finding(what="disk", status=Status.PROBLEM, text=text, advice=advice)
    advice = "free some space, or remove old files: python -m search db repair"
    if free < _FULL_BYTES:
        return Finding(what="disk", status=Status.PROBLEM, text=text, advice=advice)
    if free < _SCARCE_BYTES:
        return Finding(what="disk", status=Status.WARNING, text=text, advice=advice)
    return Finding(what="disk", status=Status.OK, text=text)


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    resolved = folder.resolve()
    return next(path for path in (resolved, *resolved.parents) if path.is_dir())
