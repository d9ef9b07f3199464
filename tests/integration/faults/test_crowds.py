"""As many workers as a database is made for, all at once."""

import pytest

from tests.integration.faults.conftest import POSTGRES, SQLITE
from tests.search.worker_bench import EPOCHS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("database_url", "n_workers", "trials"),
    [(SQLITE, 8, 64), pytest.param(POSTGRES, 32, 160, marks=pytest.mark.postgres)],
    indirect=["database_url"],
)
def test_crowd_trains_the_budget_exactly_without_a_lock_error(database_url, make_study, n_workers, trials):
    study = make_study(database_url, trials=trials)
    names = [f"w{number}" for number in range(n_workers)]
    with study.fleet() as fleet:
        fleet.start(*names)
        assert fleet.exit_codes() == dict.fromkeys(names, 0)
    study.check()
    assert set(study.trained().values()) == {1}
    assert {record.measurement.epochs for record in study.results() if record.measurement} == {EPOCHS}
    assert len({record.owner for record in study.results()}) > 1
    # Nothing but notes: no lock that was not free in time, no call that had to be made again.
    assert [line for line in study.logs().splitlines() if not line.startswith("INFO ")] == []
