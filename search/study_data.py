"""The data of a study: loaded, held against its specification, split, and known again by their fingerprint."""

import json
from dataclasses import replace
from pathlib import Path

from search.data.dataset import Dataset
from search.data.sources import find_source, load_raw
from search.data.splits import split
from spaces.errors import StudyMismatchError
from spaces.input_range import check_epsilons
from spaces.study_spec import StudySpec
from storage.records import StudyRecord

# What data must share for a model of one to be run on the other: classes, inputs of the same shape in the same units.
# Studies of earlier versions have not stored all of it.
_KIND = ("name", "n_classes", "input_shape", "input_range", "input_grid", "image", "is_synthetic", "sound")


def load_data(spec: StudySpec, *, data_dir: Path | None, synthetic: bool) -> Dataset:
    """Load and split a study's data.

    Raises:
        SpecError: a radius lies outside the input range.
        DataError: the data are not to be had.
    """
    source = find_source(spec.data)
    if source is not None:
        _check_epsilons(spec, source.input_range)
    raw = load_raw(spec.data, data_dir=data_dir, synthetic=synthetic)
    _check_epsilons(spec, raw.input_range)
    dataset = split(
        raw,
        validation_examples=spec.data.validation_examples,
        attack_examples=spec.data.attack_examples,
        seed=spec.seed,
    )
    return replace(dataset, data_dir=data_dir)


def _check_epsilons(spec: StudySpec, input_range: tuple[float, float]) -> None:
    check_epsilons(spec.robustness.epsilons, input_range=input_range)
    check_epsilons(spec.training.adversarial_epsilons, input_range=input_range, key="training.adversarial_epsilon")
    if spec.parent.adversarial_epsilon is not None:
        check_epsilons([spec.parent.adversarial_epsilon], input_range=input_range, key="parent.adversarial_epsilon")


def difference_in_data(study: StudyRecord, dataset: Dataset) -> str:
    """Return what to know of data that are of the study's kind but not its own; nothing where they are its own.

    A copy of a data set that differs in a single byte of a single example has another fingerprint.

    Raises:
        StudyMismatchError: they are of another kind: other classes, inputs of another shape or in other units.
    """
    if study.data["fingerprint"] == dataset.fingerprint:
        return ""
    found = json.loads(json.dumps(dataset.describe()))
    different = [name for name in _KIND if name in study.data and found.get(name) != study.data[name]]
    if different:
        raise StudyMismatchError(
            f"study {study.name!r} was started on data of another kind: {', '.join(different)} differ. "
            "Give the study's own data."
        )
    return (
        f"Not checked on the study's own data: the study's have the fingerprint {study.data['fingerprint'][:12]}, "
        f"those at hand {dataset.fingerprint[:12]}{f': {dataset.note}' if dataset.note else ''}."
    )


def check_same_data(study: StudyRecord, dataset: Dataset) -> None:
    """Check that data are those that a study was started on.

    Raises:
        StudyMismatchError: they have another fingerprint.
    """
    if study.data["fingerprint"] != dataset.fingerprint:
        raise StudyMismatchError(
            f"study {study.name!r} was started on other data: fingerprint {study.data['fingerprint'][:12]} is stored, "
            f"these have {dataset.fingerprint[:12]}. Give the same data, or another name for a new study."
        )
