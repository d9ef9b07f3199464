"""What a worker does before its first trial: it makes good what workers that died have left half done."""

import logging
from functools import partial

from search.processes import is_gone
from search.trials.delivery import deliver_letter
from search.trials.parts import WorkerParts
from search.trials.settling import settle
from spaces.errors import FencedError, SelectionError, SetupError, StudyMismatchError
from spaces.spec_files import parse_spec
from storage.records import TrialRecord, TrialState
from storage.workers import WorkerRecord, WorkerState

_EVER_S = 1e9

_log = logging.getLogger(__name__)


def check_specification(parts: WorkerParts) -> None:
    """Check that the specification is the one whose fingerprint was stored with the study.

    Raises:
        StudyMismatchError: it was damaged or changed in the database.
    """
    study = parts.study
    found = parse_spec(study.spec, source=f"stored study {study.name!r}").fingerprint
    if found != study.spec_fingerprint:
        raise StudyMismatchError(
            f"study {study.name!r} has a specification with the fingerprint {found[:12]}, but it began with "
            f"{study.spec_fingerprint[:12]}: it was damaged or changed in the database. Restore that from a copy, or "
            "start a study with a new name."
        )


def deliver_outboxes(parts: WorkerParts) -> None:
    """Store the results that this worker's earlier process, or dead ones of this host, could not store."""
    for letter in parts.outbox.left(parts.study.id):
        try:
            record = deliver_letter(parts, letter)
        except (FencedError, SelectionError) as error:
            _log.warning("a kept result is dropped: %s", error)
        else:
            _log.info("the kept result of trial %d is stored.", record.number)


def bury_the_dead(parts: WorkerParts) -> None:
    """Give back the trials of workers of this host whose process has ended; nobody need wait for their leases.

    Raises:
        SetupError: a worker of this name lives in another process of this host.
    """
    study_id = parts.study.id
    there = parts.patience(lambda: parts.workers.alive(study_id, within_s=_EVER_S))
    _check_name_is_free(parts, there)
    dead = {worker.identity.name for worker in there if is_gone(worker.identity)} - {parts.identity.name}
    running = parts.patience(lambda: parts.repository.trials(study_id, state=TrialState.RUNNING))
    for name in sorted({trial.owner for trial in running} & dead):
        _give_back(parts, name)
    for name in sorted(dead):
        parts.patience(partial(parts.workers.beat, study_id, name, state=WorkerState.ENDED))


def settle_recorded(parts: WorkerParts) -> list[TrialRecord]:
    """Settle results that were recorded, but nothing after that; return all trials."""
    records = parts.patience(lambda: parts.repository.trials(parts.study.id))
    for record in records:
        if record.state is not TrialState.RUNNING and not record.is_told:
            settle(parts, record)
    return records


def unclaimed(parts: WorkerParts, records: list[TrialRecord]) -> list[int]:
    """Return the numbers of Optuna's running trials that nobody has claimed, where no other worker lives.

    Beside others nobody can tell a trial that was left from one that is just being claimed.
    """
    alive = parts.patience(lambda: parts.workers.alive(parts.study.id, within_s=parts.lease_s))
    if any(worker.identity.name != parts.identity.name for worker in alive):
        return []
    known = {record.number for record in records}
    return [number for number in parts.patience(parts.optuna_study.unfinished) if number not in known]


def _check_name_is_free(parts: WorkerParts, there: list[WorkerRecord]) -> None:
    own = parts.identity
    for worker in (record.identity for record in there):
        if worker.name == own.name and worker.host == own.host and worker.pid != own.pid and not is_gone(worker):
            raise SetupError(
                f"a worker named {own.name!r} runs study {parts.study.name!r} already, as process {worker.pid}; "
                "give another --name, or end that process."
            )


def _give_back(parts: WorkerParts, owner: str) -> None:
    # Under the dead one's name, which makes its own trial the one that is handed out.
    claim = parts.patience(lambda: parts.claims.claim_abandoned(parts.study.id, owner=owner, ttl_s=parts.lease_s))
    if claim is not None:
        parts.patience(lambda: parts.claims.release(claim.lease))
