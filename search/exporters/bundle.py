"""One folder per exported trial: the formats, a manifest and a model card, written aside and renamed when checked."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.exporters.base import ExportContext, Exported, Exporter
from search.exporters.c.exporter import export_c
from search.exporters.context import ExportData, make_context
from search.exporters.hls4ml import export_hls4ml
from search.exporters.keras import export_keras
from search.exporters.manifest import Parts, file_hashes, make_manifest
from search.exporters.model_card import make_model_card
from search.exporters.optional_tools import require_tools
from search.exporters.qonnx import export_qonnx
from search.exporters.tflite import export_tflite
from search.metrics.target_fit import check_candidate
from search.models.trained_model import TrainedModel
from search.stored_models import load_stored_model
from spaces.errors import ExportError
from spaces.targets import Target
from spaces.work_steps import OnSteps, WorkSteps, unwatched
from storage.artifacts import ArtifactStore
from storage.audits import AuditRecord, counting_audits
from storage.records import StudyRecord, TrialRecord

EXPORTERS: dict[str, Exporter] = {
    "keras": export_keras,
    "tflite": export_tflite,
    "c": export_c,
    "qonnx": export_qonnx,
    "hls4ml": export_hls4ml,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleRequest:
    """What is exported where.

    Attributes:
        formats: names of `EXPORTERS`.
        out: parent folder; made if missing.
        data: the study's examples.
        target: the device that the export is for.
        on_steps: told of every step: the attack on the trained network, then each format.
    """

    formats: Sequence[str]
    out: Path
    data: ExportData
    target: Target | None = None
    on_steps: OnSteps = unwatched


def check_formats(formats: Sequence[str]) -> None:
    """Check the names of formats, and that their tools are there.

    Raises:
        ExportError: one is unknown or given twice, or there are none, or a tool is not installed.
    """
    unknown = [name for name in formats if name not in EXPORTERS]
    if unknown or not formats:
        raise ExportError(f"--format takes {', '.join(EXPORTERS)}; got {', '.join(unknown) or 'nothing'}.")
    if len(set(formats)) != len(formats):
        raise ExportError(f"--format takes every format once; got {', '.join(formats)}.")
    for name in formats:
        require_tools(name)


def bundle_folder(study: StudyRecord, trial: TrialRecord, out: Path) -> Path:
    """Return the folder of a trial's export.

    Raises:
        ExportError: it exists.
    """
    folder = out / f"{study.name}-trial-{trial.number}"
    if folder.exists():
        raise ExportError(f"{folder} exists; remove it or choose another --out.")
    return folder


def load_for_export(
    study: StudyRecord,
    trial: TrialRecord,
    target: Target | None,
    *,
    digests: Mapping[str, str],
    artifacts: ArtifactStore,
) -> TrainedModel:
    """Return a trial's stored model, which the target can take.

    Raises:
        ExportError: the target cannot take it.
        ArtifactError: it is not stored any more, or is damaged.
    """
    model = load_stored_model(study, trial.number, digests=digests, artifacts=artifacts)
    if target is not None:
        check_candidate(target, model.topology, model.candidate)
    return model


def write_bundle(
    study: StudyRecord,
    trial: TrialRecord,
    request: BundleRequest,
    *,
    digests: Mapping[str, str],
    artifacts: ArtifactStore,
    audits: Sequence[AuditRecord] = (),
) -> Path:
    """Export a trial and return its folder, `<out>/<study>-trial-<number>`.

    Args:
        study, trial: what is exported; the trial is complete.
        request: how.
        digests: the trial's artifacts, file name -> digest.
        artifacts: where they are stored.
        audits: of the trial, oldest first; the finished ones that no newer one replaces stand in the manifest and on
            the model card.

    Raises:
        ExportError: unknown format, the folder exists or cannot be written, the target cannot take the model, a tool is
            missing, or a check failed.
        ArtifactError: the trial's model is not stored any more, or is damaged.
    """
    check_formats(request.formats)
    folder = bundle_folder(study, trial, request.out)
    model = load_for_export(study, trial, request.target, digests=digests, artifacts=artifacts)
    scratch = _scratch_folder(request.out)
    try:
        request.on_steps(_step(request, 0, f"attacking the trained network on {len(request.data.y)} test examples"))
        context = make_context(model, request.data, request.target)
        exported = _export_all(model, context, request, scratch)
        counting = counting_audits(audits)
        parts = Parts(study=study, trial=trial, context=context, exported=exported, audits=counting)
        manifest = make_manifest(parts)
        (scratch / "README.md").write_text(make_model_card(parts, manifest), encoding="utf-8")
        manifest["files_sha256"] = file_hashes(scratch)
        (scratch / "manifest.json").write_text(_as_json(manifest), encoding="utf-8")
        scratch.chmod(0o755)
        os.replace(scratch, folder)
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _export_all(
    model: TrainedModel, context: ExportContext, request: BundleRequest, scratch: Path
) -> dict[str, Exported]:
    exported = {}
    for position, name in enumerate(request.formats, start=1):
        request.on_steps(_step(request, position, f"[{position}/{len(request.formats)}] {name}"))
        (scratch / name).mkdir()
        exported[name] = EXPORTERS[name](model, scratch / name, context)
    return exported


def _step(request: BundleRequest, done: int, what: str) -> WorkSteps:
    return WorkSteps(what=what, noun="steps", done=done, total=1 + len(request.formats))


def _as_json(manifest: Mapping[str, Any]) -> str:
    return json.dumps(manifest, indent=1) + "\n"


def _scratch_folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".export-", dir=out))
    except OSError as error:
        raise ExportError(f"--out {out} cannot be written: {error.strerror or error}.") from error
