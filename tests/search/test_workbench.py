"""What candidates of one topology share."""

from pathlib import Path

import numpy as np
import pytest

from search.data.speech_commands import read_speech_folder
from search.data.splits import split
from search.training.plans import parent_plan
from search.workbench import Workbenches
from spaces.errors import SpecError
from spaces.study_spec import StudySpec
from tests.search.data.speech_builders import SPEAKERS, write_speech_folder
from tests.search.trained_digits import digits_dataset, digits_spec


def test_workbench_is_built_once_for_each_topology() -> None:
    benches = Workbenches(digits_spec(), digits_dataset())
    half = benches.at({"width": 0.5})
    assert benches.at({"width": 0.5}) is half
    other = benches.at({"width": 0.25})
    assert other is not half
    assert other.network.topology == benches.topology({"width": 0.25}) != half.network.topology


def test_train_examples_are_the_same_every_time_and_of_every_class() -> None:
    examples = Workbenches(digits_spec(), digits_dataset()).train_examples(100)
    again = Workbenches(digits_spec(), digits_dataset()).train_examples(100)
    np.testing.assert_array_equal(again.x, examples.x)
    np.testing.assert_array_equal(again.y, examples.y)
    assert np.bincount(examples.y).min() >= 9


def test_no_more_train_examples_than_there_are() -> None:
    dataset = digits_dataset()
    assert len(Workbenches(digits_spec(), dataset).train_examples(10**6).y) == len(dataset.train)


def attacked_spec() -> StudySpec:
    content = digits_spec().model_dump(mode="json")
    content["data"] |= {"waveform_epsilon": 4}
    content["topology"] = {"name": "dscnn", "width": [0.25]}
    content["parent"] |= {"epochs": 6, "batch_size": 9}
    return StudySpec.model_validate(content)


def test_recordings_of_a_study_that_attacks_them_are_trained_on(tmp_path: Path) -> None:
    lists = {"validation_list.txt": SPEAKERS[:2], "testing_list.txt": SPEAKERS[2:4]}
    raw = read_speech_folder(write_speech_folder(tmp_path / "s", lists=lists), ("down", "go"))
    dataset = split(raw, validation_examples=6, attack_examples=4, seed=0)
    weights = []
    for epsilon in (4, 4, 0):
        spec = attacked_spec()
        spec = spec.model_copy(update={"data": spec.data.model_copy(update={"waveform_epsilon": epsilon})})
        benches = Workbenches(spec, dataset)
        bench = benches.at({"width": 0.25})
        bench.network.initialize(1)
        records = benches.fit(
            bench,
            parent_plan(spec, dataset),
            batch_size=9,
            on_progress=lambda _: None,
            should_stop=lambda: False,
            start=None,
            after_epoch=lambda _epochs, _read_state: None,
        )
        assert len(records) == 6
        weights.append(bench.network.weights())
    attacked, again, plain = weights
    assert all(np.array_equal(attacked[name], again[name]) for name in attacked)
    assert any(not np.array_equal(attacked[name], plain[name]) for name in attacked)


def test_recordings_cannot_be_attacked_where_there_are_none() -> None:
    with pytest.raises(SpecError, match=r"data\.waveform_epsilon is for recordings, and these data have none"):
        Workbenches(attacked_spec(), digits_dataset()).at({"width": 0.25})
