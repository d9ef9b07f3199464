"""What a stored study is held against before it is taken up again, by a launch or by a worker that joins."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from search.bootstrap import (
    LaunchOptions,
    WorkerOptions,
    join_worker,
    open_memory,
    open_parents,
    prepare_study,
    prepare_worker,
)
from search.models.network import Network
from search.models.topologies import digits_cnn
from search.study_data import load_data
from spaces.errors import SelectionError, SpecError, StorageError, StudyMismatchError
from spaces.spec_files import parse_spec
from storage.sql import open_engine
from tests.search.test_parents import write_h5


def launch_options(folder: Path, **overrides: Any) -> LaunchOptions:
    return LaunchOptions(
        study="digits",
        storage=str(folder / "studies.db"),
        data_dir=None,
        synthetic=False,
        sampler="random",
        keep_all=False,
        overrides={name.replace("__", "."): value for name, value in overrides.items()},
    )


def worker_options(folder: Path, *, study: str = "digits", sampler: str = "random") -> WorkerOptions:
    return WorkerOptions(
        study=study, storage=str(folder / "studies.db"), data_dir=None, name=None, sampler=sampler, keep_all=False
    )


def launch(folder: Path) -> None:
    prepare_worker(launch_options(folder), Mock(), lambda: False)


def join(folder: Path) -> None:
    join_worker(worker_options(folder), Mock(), lambda: False)


@pytest.mark.parametrize("take_up", [launch, join])
def test_study_measured_with_another_search_suite_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take_up: Callable[[Path], None]
) -> None:
    prepare_study(launch_options(tmp_path))
    take_up(tmp_path)
    monkeypatch.setattr("search.study_identity.SUITE_VERSION", 99)
    with pytest.raises(StudyMismatchError, match="this version has suite 99: their robust accuracies do not compare"):
        take_up(tmp_path)


@pytest.mark.parametrize("take_up", [launch, join])
def test_study_of_another_optuna_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take_up: Callable[[Path], None]
) -> None:
    installed = prepare_study(launch_options(tmp_path)).versions["optuna"]
    monkeypatch.setattr("search.study_identity.installed_versions", lambda: {"optuna": "5.0.99"})
    told = rf"started with Optuna {installed}, Optuna 5\.0\.99 is installed here.*`pip install optuna=={installed}`"
    with pytest.raises(StudyMismatchError, match=told):
        take_up(tmp_path)


def test_other_early_stopping_is_another_study(tmp_path: Path) -> None:
    prepare_study(launch_options(tmp_path, training__epochs=4))
    with pytest.raises(StudyMismatchError, match=r"early_stopping\.mode: stored off, given rungs\. Give the stored"):
        prepare_study(launch_options(tmp_path, training__epochs=4, early_stopping__mode="rungs"))
    # What plays no part while it is off may change.
    prepare_study(launch_options(tmp_path, training__epochs=4, early_stopping__eta=4))


def remove_from_stored_spec(folder: Path, *sections: str) -> None:
    """Leave the study as a version stored it that did not know these sections."""
    engine = open_engine(str(folder / "studies.db"))
    with engine.begin() as connection:
        for section in sections:
            removed = f"json_remove(spec, '$.{section}')"
            connection.exec_driver_sql(f"UPDATE cosearch_studies SET spec = {removed}")
    engine.dispose()


@pytest.mark.parametrize("take_up", ["launch", "join"])
def test_study_stored_before_there_was_early_stopping_or_a_warm_start_goes_on(tmp_path: Path, take_up: str) -> None:
    off: dict[str, Any] = {"warm_start__priors": 0, "warm_start__inherit": False}
    before = prepare_study(launch_options(tmp_path, **off))
    remove_from_stored_spec(tmp_path, "early_stopping", "warm_start")
    if take_up == "launch":
        worker = prepare_worker(launch_options(tmp_path, budget__trials=7, **off), Mock(), lambda: True)
    else:
        worker = join_worker(worker_options(tmp_path), Mock(), lambda: True)
    assert worker.study.id == before.id
    assert worker.study.spec_fingerprint == before.spec_fingerprint
    worker.run()  # ends at once, but looks at what is stored first
    with pytest.raises(StudyMismatchError, match=r"warm_start\.priors: stored 0, given 8"):
        prepare_study(launch_options(tmp_path, **{**off, "warm_start__priors": 8}))


def test_warm_start_needs_a_study_of_the_same_database(tmp_path: Path) -> None:
    with pytest.raises(SelectionError, match=r"no study 'earlier' to begin with: there is no database .*studies\.db; "):
        prepare_study(launch_options(tmp_path, warm_start__study="earlier"))
    assert not any(tmp_path.iterdir())
    prepare_study(launch_options(tmp_path, name="other"))
    with pytest.raises(SelectionError, match=r"no study 'earlier' in .*; its studies: 'other'"):
        prepare_study(launch_options(tmp_path, warm_start__study="earlier"))
    prepare_study(launch_options(tmp_path, name="earlier"))
    prepare_study(launch_options(tmp_path, warm_start__study="earlier"))
    with pytest.raises(StudyMismatchError, match=r"warm_start\.study: stored earlier, given None"):
        prepare_study(launch_options(tmp_path))


def test_study_that_gives_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare_study(launch_options(tmp_path, name="earlier"))
    prepare_study(launch_options(tmp_path, warm_start__study="earlier"))
    assert "nothing of study 'earlier' is taken over." in caplog.text


def test_worker_joins_with_the_stored_specification_and_budget(tmp_path: Path) -> None:
    prepare_study(launch_options(tmp_path, budget__trials=7))
    worker = join_worker(worker_options(tmp_path), Mock(), lambda: False)
    assert worker.study.spec["budget"] == {"trials": 7}
    assert worker.study == open_memory(str(tmp_path / "studies.db")).repository.get_study("digits")


def test_worker_of_a_study_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no database"):
        join_worker(worker_options(tmp_path), Mock(), lambda: False)
    prepare_study(launch_options(tmp_path))
    with pytest.raises(SelectionError, match=r"no study 'other' in .*'digits'"):
        join_worker(worker_options(tmp_path, study="other"), Mock(), lambda: False)
    with pytest.raises(SpecError, match="--sampler must be one of"):
        join_worker(worker_options(tmp_path, sampler="best"), Mock(), lambda: False)


def test_launch_and_worker_wait_for_a_database_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def open_late(url: str) -> Any:
        tries.append(url)
        if len(tries) % 3:
            raise StorageError("the server is starting up.", is_transient=True)
        return open_engine(url)

    monkeypatch.setattr("search.bootstrap.open_engine", open_late)
    prepare_study(launch_options(tmp_path))
    assert len(tries) == 3
    join(tmp_path)
    assert len(tries) == 6


def test_preparing_a_study_comes_without_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from search.bootstrap import *; "
        "prepare_study(LaunchOptions(study='digits', storage=sys.argv[1], data_dir=None, synthetic=False, "
        "sampler='tpe', keep_all=False, overrides={})); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "studies.db")], check=True)


def write_parent(path: Path, *, bias: float = 0.0) -> None:
    network = Network(digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25))
    network.initialize(0)
    path.parent.mkdir()
    weights = dict(network.weights())
    write_h5(path, weights | {"conv1/bias": np.full_like(weights["conv1/bias"], bias)})


def test_parent_file_below_the_folder_of_data_dir_is_found_by_launch_worker_and_training(tmp_path: Path) -> None:
    write_parent(tmp_path / "data" / "mine.h5")
    given = replace(launch_options(tmp_path, topology__width=0.25, parent__file="mine.h5"), data_dir=tmp_path / "data")
    study = prepare_study(given)
    own = replace(worker_options(tmp_path), data_dir=tmp_path / "data")
    assert join_worker(own, Mock(), lambda: False).study.id == study.id
    spec = parse_spec(study.spec, source="stored")
    dataset = load_data(spec, data_dir=own.data_dir, synthetic=False)
    parents = open_parents(open_memory(own.storage), study, spec, dataset, Mock())
    topology = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.25)
    found = parents.find(topology, {"width": 0.25})
    assert found is not None
    assert found.source.startswith("mine.h5 (SHA-256 ")
    with pytest.raises(SpecError, match=r"parent\.file = 'mine\.h5' does not exist.*--data-dir"):
        join_worker(worker_options(tmp_path), Mock(), lambda: False)


def test_parent_file_with_values_that_are_not_finite_is_refused_before_the_study_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "data" / "mine.h5"
    write_parent(path, bias=float("nan"))
    with pytest.raises(SpecError, match=r"mine\.h5': the bias for 'conv1' has .* values that are not finite"):
        prepare_study(launch_options(tmp_path, topology__width=0.25, parent__file=str(path)))
    assert not (tmp_path / "studies.db").exists()
