"""One folder per exported trial: the formats and a manifest, written aside and renamed when everything is checked."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.exporters.base import Exporter
from search.exporters.keras import export_keras
from search.stored_models import load_stored_model
from spaces.errors import ExportError
from storage.artifacts import ArtifactStore
from storage.records import StudyRecord, TrialRecord

EXPORTERS: dict[str, Exporter] = {"keras": export_keras}


def write_bundle(
    study: StudyRecord,
    trial: TrialRecord,
    *,
    digests: Mapping[str, str],
    artifacts: ArtifactStore,
    formats: Sequence[str],
    out: Path,
) -> Path:
    """Export a trial and return its folder, `<out>/<study>-trial-<number>`.

    Args:
        study, trial: what is exported; the trial is complete.
        digests: the trial's artifacts, file name -> digest.
        artifacts: where they are stored.
        formats: names of `EXPORTERS`.
        out: parent folder; made if missing.

    Raises:
        ExportError: unknown format, the folder exists or cannot be written, or a check failed.
        ArtifactError: the trial's model is not stored any more, or is damaged.
    """
    unknown = [name for name in formats if name not in EXPORTERS]
    if unknown or not formats:
        raise ExportError(f"--format takes {', '.join(EXPORTERS)}; got {', '.join(unknown) or 'nothing'}.")
    target = out / f"{study.name}-trial-{trial.number}"
    if target.exists():
        raise ExportError(f"{target} exists; remove it or choose another --out.")
    model = load_stored_model(study, trial.number, digests=digests, artifacts=artifacts)
    scratch = _scratch_folder(out)
    try:
        checks = {name: dict(EXPORTERS[name](model, scratch)) for name in formats}
        manifest = _manifest(study, trial, checks, _hashes(scratch))
        (scratch / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        scratch.chmod(0o755)
        os.replace(scratch, target)
    except OSError as error:
        raise ExportError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _scratch_folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".export-", dir=out))
    except OSError as error:
        raise ExportError(f"--out {out} cannot be written: {error.strerror or error}.") from error


def _hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _manifest(
    study: StudyRecord, trial: TrialRecord, checks: Mapping[str, Any], files: Mapping[str, str]
) -> dict[str, Any]:
    notes = [str(study.data["note"])] if study.data.get("note") else []
    parent = trial.details.get("parent")
    if parent is not None and parent["source"] != "trained here":
        notes.append(f"The float parent is the user's file {parent['source']}.")
    if study.is_synthetic:
        notes.append("Synthetic data: a dry run of the pipeline, the figures mean nothing.")
    return {
        "study": study.name,
        "trial": trial.number,
        "measurement": trial.measurement.to_json() if trial.measurement else None,
        "measured_on": "validation split; the attacks on its attack subset",
        "candidate": trial.candidate.to_json(),
        "seed": trial.seed,
        "parent": parent,
        "notes": notes,
        "data": dict(study.data),
        "spec": dict(study.spec),
        "spec_fingerprint": study.spec_fingerprint,
        "versions": dict(trial.details.get("versions", study.versions)),
        "checks": dict(checks),
        "files_sha256": dict(files),
    }
