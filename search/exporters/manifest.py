"""The manifest of an export: everything that says where the files come from and what they were found to do."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.exporters.audits import audit_values
from search.exporters.base import ExportContext, Exported
from search.exporters.figures import trained_figures
from search.versions import export_versions
from storage.audits import AuditRecord
from storage.records import StudyRecord, TrialRecord

MADE_ON = (
    "test split; the adversarial examples were made by PGD on the trained network and transferred to every artefact, "
    "so an artefact's robust accuracy does not tell what an attack on itself would find"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a manifest and a model card are made of; the audits are `counting_audits`."""

    study: StudyRecord
    trial: TrialRecord
    context: ExportContext
    exported: Mapping[str, Exported]
    audits: Sequence[AuditRecord]

    @property
    def notes(self) -> list[str]:
        """What a reader of any figure has to know, sentences."""
        study, trial = self.study, self.trial
        notes = [note for note in (study.data_note, self.context.note) if note]
        parent = trial.details.get("parent")
        if parent is not None and parent["source"] != "trained here":
            notes.append(f"The float parent is the user's file {parent['source']}.")
        if study.is_synthetic:
            notes.append("Synthetic data: a dry run of the pipeline, the figures mean nothing.")
        return notes


def make_manifest(parts: Parts) -> dict[str, Any]:
    """Return the manifest as plain JSON values, without the hashes of the files."""
    study, trial, context = parts.study, parts.trial, parts.context
    return {
        "study": study.name,
        "trial": trial.number,
        "measurement": trial.measurement.to_json() if trial.measurement else None,
        "measured_on": "validation split; the attacks on its attack subset",
        "audits": audit_values(parts.audits),
        "exported_figures_on": MADE_ON,
        "epsilons": list(context.epsilons),
        "trained_figures": trained_figures(context).to_json(),
        "formats": {name: exported.to_json() for name, exported in parts.exported.items()},
        "cost": dict(context.cost.metrics()),
        "target": None if context.target is None else context.target.model_dump(mode="json"),
        "candidate": trial.candidate.to_json(),
        "seed": trial.seed,
        "parent": trial.details.get("parent"),
        "notes": parts.notes,
        "data": dict(study.data),
        "spec": dict(study.spec),
        "spec_fingerprint": study.spec_fingerprint,
        "versions": dict(trial.details.get("versions", study.versions)),
        "exported_with": export_versions(),
    }


def file_hashes(folder: Path) -> dict[str, str]:
    """Return path in the folder -> SHA-256, for every file in it."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
