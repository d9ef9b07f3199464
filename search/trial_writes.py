"""A trial's writes into Optuna's tables, few and together: by itself Optuna commits every parameter alone.

On a storage in memory they are Optuna's own.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb.models import TrialModel, TrialParamModel
from optuna.study._constrained_optimization import _CONSTRAINTS_KEY
from optuna.trial import TrialState

REASON = "reason"


class _Deferred:
    """A session whose commits come later, all at once."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def commit(self) -> None:
        """Write, so that what follows in the block sees it, and forget what was read, as a commit does."""
        self._session.flush()
        self._session.expire_all()

    def close(self) -> None:
        """Stay open."""


@contextmanager
def one_transaction(storage: BaseStorage) -> Iterator[None]:
    """Commit what is written in the block at its end, or nothing of it where the block raises.

    For calls from one thread. A kill leaves all or none.
    """
    database = _database(storage)
    if database is None:
        yield
        return
    sessions: Any = database.scoped_session
    session = sessions()
    database.scoped_session = cast("Any", lambda: _Deferred(session))
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        database.scoped_session = sessions
        session.close()


@contextmanager
def long_read(storage: BaseStorage) -> Iterator[None]:
    """Read in the block for as long as it takes, in one transaction, which holds no lock that others wait for.

    Optuna makes its trials of the rows while its transaction is open, 20 s for ten thousand; a server would end the
    connection as idle, and a worker of a long study could never start.
    """
    database = _database(storage)
    with one_transaction(storage):
        if database is not None and database.engine.dialect.name == "postgresql":
            connection = database.scoped_session().connection()
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


@contextmanager
def params_at_once(trial: optuna.trial.Trial) -> Iterator[None]:
    """Write the parameters that are suggested for a trial in the block at its end, in one statement.

    The choices are not compared with those of other trials. Where another worker wrote or finished the trial in the
    meantime, an error is raised and nothing is written.
    """
    storage = trial.storage
    database = _database(storage)
    if database is None:
        yield
        return
    postponed = _PostponedParams(storage)
    trial.storage = cast("BaseStorage", postponed)
    try:
        yield
    finally:
        trial.storage = storage
    postponed.write(trial._trial_id, database)


def write_result(
    storage: BaseStorage,
    trial_id: int,
    state: TrialState,
    *,
    values: Sequence[float] | None,
    violations: Sequence[float],
    reason: str | None,
) -> None:
    """Finish a trial in one transaction.

    `Study.tell` and `Trial.set_constraint` would do the same, but read the trial with all its parameters every time.

    Raises:
        UpdateFinishedTrialError: it is finished; it stays as it is.
    """
    with one_transaction(storage):
        for index, violation in enumerate(violations):
            storage.set_trial_system_attr(trial_id, f"{_CONSTRAINTS_KEY}:constraint {index}", float(violation))
        if reason is not None:
            storage.set_trial_user_attr(trial_id, REASON, reason)
        storage.set_trial_state_values(trial_id, state, values)


def _database(storage: BaseStorage) -> RDBStorage | None:
    backend = getattr(storage, "_backend", storage)  # behind Optuna's cache
    return backend if isinstance(backend, RDBStorage) else None


class _PostponedParams:
    """Stands in a trial for its storage: keeps the parameters that are set, and passes everything else on."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage
        self._params: list[tuple[str, float, BaseDistribution]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Keep a parameter for later."""
        del trial_id
        self._params.append((param_name, param_value_internal, distribution))

    def write(self, trial_id: int, database: RDBStorage) -> None:
        """Write them."""
        session: Any = database.scoped_session()
        try:
            trial: Any = TrialModel.find_or_raise_by_id(trial_id, session)
            database.check_trial_is_updatable(trial_id, trial.state)
            session.add_all(
                TrialParamModel(
                    trial_id=trial_id,
                    param_name=name,
                    param_value=value,
                    distribution_json=distribution_to_json(distribution),
                )
                for name, value, distribution in self._params
            )
            session.commit()
        finally:
            session.close()
