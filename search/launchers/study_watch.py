"""A study as a supervisor sees it: its database is read every few seconds, and what is new is told."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from search.listener import Listener, Standing, read_standing
from spaces.errors import StorageError
from spaces.spec_files import parse_spec
from storage.records import StudyRecord, TrialRecord
from storage.repository import Repository
from storage.sql import open_engine
from storage.trial_feed import TrialFeed
from storage.workers import ALIVE_WITHIN_S, WorkerRepository, WorkerState

_LOOK_EVERY_S = 2.0
_TELL_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the workers are.

    Attributes:
        alive: workers of the study that were seen lately, also those of other machines.
        training: those of them that train.
        trials_per_hour: trials that took a place in the budget since the watch began.
        left_s: seconds until the budget is spent at this rate; None before the first trial.
    """

    alive: int
    training: int
    trials_per_hour: float
    left_s: float | None


class PaceListener(Protocol):
    """Follows the work as a whole; every method returns at once."""

    def paced(self, pace: Pace) -> None:
        """A minute has passed."""
        ...

    def database_away(self, reason: str) -> None:
        """The database does not answer; it is asked again."""
        ...

    def database_back(self) -> None:
        """The database answers again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedStudy:
    """Where a study's figures come from."""

    study_id: int
    budget: int
    repository: Repository
    workers: WorkerRepository
    feed: TrialFeed


class StudyWatch:
    """Tells one listener which trials were finished, and another one how fast the work goes."""

    def __init__(
        self,
        study: WatchedStudy,
        *,
        listener: Listener,
        pace_listener: PaceListener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin now: what is finished already is not told.

        Raises:
            StorageError: the database failed.
        """
        self._study, self._listener, self._pace_listener, self._clock = study, listener, pace_listener, clock
        study.feed.skip()
        self._began_s = self._told_s = clock()
        self._looked_s = -float("inf")
        self._n_at_start = self._standing().trained
        self._untold: list[TrialRecord] = []
        self._is_there = True

    def look(self) -> bool:
        """Tell what is new, if the last look is some seconds ago; return whether the database answered then.

        Raises:
            StorageError: the database failed for a reason that does not pass.
        """
        if self._clock() - self._looked_s >= _LOOK_EVERY_S:
            self._look()
            self._looked_s = self._clock()
        return self._is_there

    def finish(self, *, is_done: bool) -> None:
        """Tell what is new for the last time, and why the workers ended where the budget is not spent."""
        standing = self._look()
        if is_done and standing is not None and standing.trained < standing.budget:
            self._listener.space_exhausted(standing)

    def pace(self, standing: Standing) -> Pace:
        """Return how fast the workers are."""
        alive = self._study.workers.alive(self._study.study_id, within_s=ALIVE_WITHIN_S)
        n_trained, elapsed_s = standing.trained - self._n_at_start, self._clock() - self._began_s
        n_left = standing.budget - standing.trained
        return Pace(
            alive=len(alive),
            training=sum(worker.state is WorkerState.TRAINING for worker in alive),
            trials_per_hour=3600 * n_trained / elapsed_s if elapsed_s > 0 else 0.0,
            left_s=elapsed_s / n_trained * n_left if n_trained > 0 else None,
        )

    def _look(self) -> Standing | None:
        """Read and tell; None where the database is away."""
        is_due = self._clock() - self._told_s >= _TELL_EVERY_S
        try:
            self._untold += self._study.feed.read()
            standing = self._standing()
            pace = self.pace(standing) if is_due else None
        except StorageError as error:
            if not error.is_transient:
                raise
            if self._is_there:
                self._pace_listener.database_away(str(error))
            self._is_there = False
            return None
        if not self._is_there:
            self._pace_listener.database_back()
        self._is_there = True
        for record in self._untold:
            self._listener.trial_finished(record, standing)
        self._untold = []
        if pace is not None:
            self._pace_listener.paced(pace)
            self._told_s = self._clock()
        return standing

    def _standing(self) -> Standing:
        return read_standing(self._study.repository, self._study.study_id, budget=self._study.budget)


def watch_stored(url: str, study: StudyRecord, *, listener: Listener, pace_listener: PaceListener) -> StudyWatch:
    """Watch a stored study from now on.

    Args:
        url: of the database.
        study: as stored.
        listener: hears of every trial that is finished from now on.
        pace_listener: hears of the pace, and of a database that is away.

    Raises:
        StorageError: the database failed.
    """
    engine = open_engine(url)
    watched = WatchedStudy(
        study_id=study.id,
        budget=parse_spec(study.spec, source=f"stored study {study.name!r}").budget.trials,
        repository=Repository(engine),
        workers=WorkerRepository(engine),
        feed=TrialFeed(engine, study.id),
    )
    return StudyWatch(watched, listener=listener, pace_listener=pace_listener)
