"""A study as it is stored, and everything that must be the same before work on it goes on."""

import hashlib
from collections.abc import Sequence
from typing import Any

from search.attacks.suite import SUITE_VERSION
from search.data.dataset import Dataset
from search.metrics.target_fit import check_topology
from search.models.topology import Topology
from search.parent_file import parent_file
from search.study_data import check_same_data
from search.versions import installed_versions
from spaces.errors import SpecError, StudyMismatchError
from spaces.spec_files import parse_spec
from spaces.study_spec import StudySpec
from storage.records import StudyRecord
from storage.repository import Repository

_PARENT_DIGEST = "parent_file_sha256"
_SUITE_VERSION = "search_suite"
_FREE = {"name", "budget"}  # what may differ


def check_fits(spec: StudySpec, dataset: Dataset, topologies: Sequence[Topology]) -> None:
    """Check what a specification asks of its data and topologies.

    Raises:
        SpecError: the data are too few or too small, the target has not what a topology needs, or the user's float
            model fits a topology not.
    """
    for key, batch_size in (("training", spec.training.batch_size), ("parent", spec.parent.batch_size)):
        if batch_size > len(dataset.train):
            raise SpecError(
                f"{key}.batch_size = {batch_size} must lie in [1, {len(dataset.train)}], the number of training "
                "examples that the splits leave."
            )
    if spec.data.shift_pixels >= min(dataset.input_shape[:2]):
        raise SpecError(
            f"data.shift_pixels = {spec.data.shift_pixels} must be smaller than the images, "
            f"{dataset.input_shape[0]} by {dataset.input_shape[1]} pixels."
        )
    if spec.target is not None:
        for topology in topologies:
            check_topology(spec.target, topology)
    if spec.parent.file is not None:
        # Here, because it comes with TensorFlow.
        from search.models.float_weights import load_float_weights

        path = parent_file(spec.parent.file, dataset.data_dir)
        for topology in topologies:
            load_float_weights(path, topology)


def find_or_create(repository: Repository, spec: StudySpec, dataset: Dataset) -> StudyRecord:
    """Return the stored study of the specification's name, with its trial budget, or store a new one.

    Raises:
        StudyMismatchError: the stored study has another specification, or `check_same_study` fails.
    """
    stored = repository.find_study(spec.name)
    if stored is None:
        return repository.create_study(
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            spec_fingerprint=spec.fingerprint,
            data={**dataset.describe(), _PARENT_DIGEST: _parent_digest(spec, dataset), _SUITE_VERSION: SUITE_VERSION},
            versions=installed_versions(),
        )
    stored_spec = parse_spec(stored.spec, source=f"stored study {spec.name!r}")
    if stored_spec.identity() != spec.identity():
        before, now = (item.model_dump(mode="json", exclude=_FREE) for item in (stored_spec, spec))
        differences = _spec_differences(before, now)
        raise StudyMismatchError(
            f"study {spec.name!r} is stored with another specification: {'; '.join(differences)}. "
            f"Give the stored values to go on with it, or run `python -m search worker --study {spec.name}`, which "
            "takes them; or give another name (or --storage) for a new study."
        )
    check_same_study(stored, spec, dataset)
    return repository.replace_spec(stored.id, spec=spec.model_dump(mode="json"))


def check_same_study(stored: StudyRecord, spec: StudySpec, dataset: Dataset) -> None:
    """Check that what a study's figures come from is what it was when the study began.

    Raises:
        StudyMismatchError: the data, the user's float model, the search suite or Optuna are others.
    """
    check_same_data(stored, dataset)
    if stored.data.get(_PARENT_DIGEST) != _parent_digest(spec, dataset):
        raise StudyMismatchError(
            f"study {spec.name!r} was started with other weights in parent.file = {spec.parent.file!r}; give the same "
            "file, or another name for a new study."
        )
    suite = stored.data.get(_SUITE_VERSION, 1)
    if suite != SUITE_VERSION:
        raise StudyMismatchError(
            f"study {spec.name!r} was measured with search suite {suite}, this version has suite {SUITE_VERSION}: "
            "their robust accuracies do not compare. Read, audit and export it as it is; give a new study another name."
        )
    installed = installed_versions()["optuna"]
    optuna = stored.versions.get("optuna", installed)
    if optuna != installed:
        raise StudyMismatchError(
            f"study {spec.name!r} was started with Optuna {optuna}, Optuna {installed} is installed here: they may "
            f"propose differently from the same trials. Run `pip install optuna=={optuna}` to go on with it, or give a "
            "new study another name."
        )


def _parent_digest(spec: StudySpec, dataset: Dataset) -> str | None:
    """Return the SHA-256 of the user's float model, None where the study trains its own."""
    named = spec.parent.file
    return None if named is None else hashlib.sha256(parent_file(named, dataset.data_dir).read_bytes()).hexdigest()


def _spec_differences(stored: Any, given: Any, key: str = "") -> list[str]:
    """Return 'key: stored -> given' for every leaf that differs."""
    if isinstance(stored, dict) and isinstance(given, dict):
        differences = []
        for name in sorted(stored.keys() | given.keys()):
            path = f"{key}.{name}" if key else name
            differences.extend(_spec_differences(stored.get(name), given.get(name), path))
        return differences
    return [] if stored == given else [f"{key}: stored {stored}, given {given}"]
