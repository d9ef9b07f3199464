"""What every database must give a supervisor that looks on."""

import pytest
from sqlalchemy import Engine

from spaces.errors import SelectionError
from storage.claims import ClaimRepository
from storage.records import StudyRecord, TrialState
from storage.repository import Repository
from storage.trial_feed import TrialFeed
from tests.builders import build_failure, build_outcome, claim_trial, create_study


@pytest.fixture
def study(engine: Engine) -> StudyRecord:
    return create_study(Repository(engine))


def finish(engine: Engine, study: StudyRecord, number: int, *, fails: bool = False) -> None:
    claims = ClaimRepository(engine)
    lease = claim_trial(claims, study.id, number).lease
    claims.finish(lease, build_failure() if fails else build_outcome(0.5, 0.5, size_bytes=500))


def numbers(feed: TrialFeed) -> list[int]:
    return [record.number for record in feed.read()]


def test_every_result_is_told_once_in_the_order_of_arrival(engine, study):
    feed = TrialFeed(engine, study.id)
    assert numbers(feed) == []
    for number in (3, 1, 2):
        finish(engine, study, number)
    assert numbers(feed) == [3, 1, 2]
    finish(engine, study, 0, fails=True)
    (record,) = feed.read()
    assert (record.number, record.state) == (0, TrialState.FAILED)
    assert numbers(feed) == []


def test_running_trial_is_told_when_it_is_finished(engine, study):
    feed = TrialFeed(engine, study.id)
    claims = ClaimRepository(engine)
    lease = claim_trial(claims, study.id, 0).lease
    assert numbers(feed) == []
    claims.finish(lease, build_outcome(0.5, 0.5, size_bytes=500))
    assert numbers(feed) == [0]


def test_what_was_skipped_is_not_told(engine, study):
    finish(engine, study, 0)
    feed = TrialFeed(engine, study.id)
    feed.skip()
    finish(engine, study, 1)
    assert numbers(feed) == [1]


def test_other_studies_are_left_out(engine, study):
    other = create_study(Repository(engine), name="other")
    feed = TrialFeed(engine, study.id)
    finish(engine, other, 0)
    assert numbers(feed) == []


def test_unknown_study_is_refused(engine, study):
    with pytest.raises(SelectionError, match="no study has the id 77"):
        TrialFeed(engine, 77).read()
