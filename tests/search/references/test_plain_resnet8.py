"""The plainly trained ResNet-8: its own training settings, trained once, its int8 file beside its float network."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search.reference_setup
from search.bootstrap import Memory, create_memory
from search.data.dataset import Dataset
from search.reference_setup import ReferenceAudit, ReferenceOptions, prepare_references
from search.references import plain_resnet8
from search.references.base import LoadedReference
from search.references.plain_resnet8 import plain_spec
from search.training.fit import FitProgress
from spaces.errors import SpecError
from spaces.spec_files import load_spec
from spaces.study_spec import StudySpec
from storage.records import StudyRecord
from tests.search.references.builders import context_of
from tests.search.trained_digits import digits_dataset, digits_spec


def resnet_spec() -> StudySpec:
    spec = digits_spec()
    topology = spec.topology.model_copy(update={"name": "resnet8", "width": (0.5, 1.0)})
    parent = spec.parent.model_copy(update={"epochs": 2, "adversarial_weight": 1.0, "adversarial_epsilon": 0.1})
    return spec.model_copy(update={"topology": topology, "parent": parent})


def test_where_the_study_s_parent_is_plain_it_is_the_reference():
    spec = load_spec("svhn", overrides={"parent": {"epochs": 40, "learning_rate": 2e-3, "batch_size": 128}})
    assert plain_spec(spec) == spec


def test_nothing_but_epochs_rate_and_batch_is_taken_from_a_parent_that_is_not_plain():
    spec = load_spec("cifar-robust")
    plain = plain_spec(spec).parent
    assert (plain.file, plain.tune, plain.adversarial_weight, plain.adversarial_epsilon) == (None, False, 0.0, None)
    assert (plain.epochs, plain.learning_rate, plain.batch_size) == (40, 2e-3, 128)
    longer = spec.model_copy(update={"parent": spec.parent.model_copy(update={"epochs": 90})})
    assert plain_spec(longer).parent.epochs == 90


def test_other_topology_and_other_data_are_refused():
    with pytest.raises(SpecError, match=r"plain-resnet8 is for images and .* resnet8; .*'digits' searches digits_cnn"):
        plain_resnet8.load(context_of(digits_dataset()))
    features = replace(digits_dataset(), image=False)
    with pytest.raises(SpecError, match=r"is for images"):
        plain_resnet8.load(context_of(features, spec=resnet_spec()))


class Listener:
    """Counts what it is told of the training; interrupts it in its second epoch where asked to."""

    def __init__(self, *, interrupts: bool = False) -> None:
        self.interrupts = interrupts
        self.epochs: list[int] = []
        self.n_started = 0

    def parent_started(self, _: Any) -> None:
        self.n_started += 1

    def fit_progressed(self, progress: FitProgress) -> None:
        if progress.batch == 1:
            self.epochs.append(progress.epoch)
        if self.interrupts and progress.epoch == 2:
            raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return create_memory(str(tmp_path / "studies.db"))


@pytest.fixture
def study(memory: Memory) -> StudyRecord:
    spec = resnet_spec()
    return memory.repository.create_study(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data=digits_dataset().describe(),
        versions={},
    )


@pytest.fixture
def prepare(
    memory: Memory, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Listener], tuple[ReferenceAudit, ...]]:
    monkeypatch.setattr(plain_resnet8, "LEAST_EPOCHS", 3)
    options = ReferenceOptions(study=study, family="plain-resnet8", data_dir=None, images=50, quick=True)
    return lambda listener: prepare_references(memory, options, listener)


@pytest.mark.slow  # trains ResNet-8 for three epochs, and converts it three times
def test_interrupted_training_goes_on_and_what_is_kept_is_not_trained_again(
    prepare: Callable[[Listener], tuple[ReferenceAudit, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[tuple[LoadedReference, ...]] = []
    monkeypatch.setattr(
        search.reference_setup,
        "find_references",
        lambda _: lambda context: loaded.append(plain_resnet8.load(context)) or loaded[-1],
    )
    first, second, third = Listener(interrupts=True), Listener(), Listener()
    with pytest.raises(KeyboardInterrupt):
        prepare(first)
    audits = prepare(second)
    prepare(third)
    assert (first.epochs, second.epochs, third.epochs) == ([1, 2], [2, 3], [])
    assert (first.n_started, second.n_started, third.n_started) == (1, 1, 0)
    assert [audit.model.name for audit in audits] == ["plain-resnet8", "plain-resnet8-float"]
    (int8, floats), again = loaded
    assert (int8.digests, floats.digests) == (again[0].digests, again[1].digests), "the audit goes on under its key"
    check_models(int8, floats, digits_dataset())


def check_models(int8: LoadedReference, floats: LoadedReference, dataset: Dataset) -> None:
    """The int8 file is small, ends in logits and answers nearly as the float network does."""
    assert 4 * 70_000 < floats.model.size_bytes < 4 * 80_000
    assert 80_000 < int8.model.size_bytes < 130_000
    x = dataset.test.inputs(slice(0, 200))
    file_logits, logits = int8.models().target.logits(x), floats.models().target.logits(x)
    right = (logits.argmax(axis=1) == dataset.test.y[:200]).mean()
    assert right > 0.5
    assert (file_logits.argmax(axis=1) == logits.argmax(axis=1)).mean() > 0.95
    assert len(np.unique(file_logits)) <= 256
