"""The stored front, kept up to date result by result, is that of all results at once, in whatever order they come."""

from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from spaces.pareto import hypervolume
from storage.claims import ClaimRepository
from storage.records import TrialOutcome
from storage.repository import Repository
from tests.builders import (
    OBJECTIVES,
    build_candidate,
    build_failure,
    build_outcome,
    check_front,
    claim_trial,
    create_study,
)

FLOOR = 0.25
NAMES = count()

# Few values, so that results dominate each other, tie and repeat; a quarter of them breaks the floor or is a failure.
accuracies = st.sampled_from([0.125, 0.25, 0.5, 0.75])
outcomes = st.builds(build_outcome, accuracies, accuracies, size_bytes=st.sampled_from([100, 200, 400]))
results = st.lists(st.one_of(outcomes, outcomes, st.builds(build_failure)), min_size=1, max_size=8)


def batch_front(arrived: dict[int, TrialOutcome]) -> tuple[set[int], float]:
    """Return the numbers on the front and its volume, by comparing every result with every other one."""
    points = {
        number: (-found.clean_accuracy, -found.robust_accuracy, float(found.size_bytes))
        for number, outcome in arrived.items()
        if (found := outcome.measurement) is not None and found.clean_accuracy >= FLOOR
    }

    def is_dominated(point: tuple[float, ...]) -> bool:
        return any(other != point and all(map(float.__le__, other, point)) for other in points.values())

    front = {number: point for number, point in points.items() if not is_dominated(point)}
    reference = np.array([-OBJECTIVES[0][1], -OBJECTIVES[1][1], OBJECTIVES[2][1]])
    return set(front), hypervolume(np.array(list(front.values())).reshape(-1, 3), reference)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(results, st.randoms(use_true_random=False))
def test_any_order_of_arrivals_gives_the_front_of_all_results(engine: Engine, found, random) -> None:
    repository, claims = Repository(engine), ClaimRepository(engine)
    study = create_study(repository, name=f"study-{next(NAMES)}", constraints=[f"clean_accuracy >= {FLOOR}"])
    order = random.sample(range(len(found)), len(found))
    leases = {number: claim_trial(claims, study.id, number, candidate=build_candidate()).lease for number in order}
    arrived: dict[int, TrialOutcome] = {}
    for number in random.sample(order, len(order)):
        arrived[number] = found[number]
        claims.finish(leases[number], found[number])
        front, volume = batch_front(arrived)
        assert {record.number for record in repository.front(study.id)} == front
        assert repository.latest_revision(study.id).hypervolume == pytest.approx(volume)
    assert check_front(repository, study.id) == []
