"""Which stored model a candidate may inherit from."""

from typing import Any

import numpy as np
import pytest

from search.models.topology import Topology
from search.models.trained_model import TrainedModel
from search.trials.kept_models import StudyModels
from spaces.candidate import Candidate
from spaces.study_spec import TopologySpec
from storage.records import TrialOutcome, TrialState
from tests.builders import build_measurement, claim_trial
from tests.search.worker_bench import TOPOLOGY, Bench

ACCURACIES = {0: (0.9, 0.1), 1: (0.85, 0.05), 2: (0.8, 0.3), 3: (0.5, 0.01)}


def candidate_of(bench: Bench, **changes: Any) -> Candidate:
    base = dict(bench.parts.space.baselines()[0])
    return bench.parts.space.decode({**base, **{f"*.{name}": value for name, value in changes.items()}})


def store_trial(bench: Bench, number: int, candidate: Candidate) -> None:
    """Finish a trial whose weights are its number, and settle nothing."""
    topology: Topology = TOPOLOGY
    model = TrainedModel(
        topology_spec=TopologySpec(name="digits_cnn", width=(0.25,)),
        topology=topology,
        candidate=candidate,
        integer_bits={},
        weights={"w": np.full(1, number, np.float32)},
    )
    clean, robust = ACCURACIES[number]
    size = bench.evaluator.cost(candidate).size_bytes
    claim = claim_trial(bench.claims, bench.study.id, number, candidate=candidate)
    outcome = TrialOutcome(
        state=TrialState.COMPLETE,
        measurement=build_measurement(clean, robust, size_bytes=size),
        timings={},
        details={},
    )
    files = {name: bench.artifacts.put(content) for name, content in model.to_files().items()}
    bench.claims.finish(claim.lease, outcome, artifacts=files)


@pytest.fixture
def models(bench: Bench) -> StudyModels:
    bench.worker(trials=12)
    parts = bench.parts
    baselines = [parts.space.decode(params) for params in parts.space.baselines()]
    store_trial(bench, 0, baselines[0])
    store_trial(bench, 1, baselines[1])
    store_trial(bench, 2, candidate_of(bench, weight_bits=4))
    return StudyModels(
        parts.study, parts.space, repository=parts.repository, artifacts=parts.artifacts, patience=parts.patience
    )


def test_nearest_of_front_and_baselines_is_handed_out_with_its_weights(bench: Bench, models: StudyModels) -> None:
    found = models.nearest(candidate_of(bench, weight_bits=2))
    assert found is not None
    assert (found.number, found.weights["w"].tolist()) == (2, [2.0])
    assert found.distance == len(TOPOLOGY.slots)  # one halving in every layer
    with_term = models.nearest(candidate_of(bench, activation_bits=3, jr_weight=0.01))
    assert with_term is not None
    assert with_term.number == 1  # a baseline off the front


def test_baselines_inherit_nothing(bench: Bench, models: StudyModels) -> None:
    for params in bench.parts.space.baselines():
        assert models.nearest(bench.parts.space.decode(params)) is None


def test_model_that_is_gone_leaves_its_place_to_the_next(
    bench: Bench, models: StudyModels, caplog: pytest.LogCaptureFixture
) -> None:
    bench.repository.drop_artifacts(bench.study.id, number=2)
    found = models.nearest(candidate_of(bench, weight_bits=2))
    assert found is not None
    assert found.number == 0
    assert "trial 2 is not inherited from" in caplog.text
    for number in (0, 1):
        bench.repository.drop_artifacts(bench.study.id, number=number)
    assert models.nearest(candidate_of(bench, weight_bits=2)) is None
