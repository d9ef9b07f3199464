"""The float parents of a study with several workers: one of them trains a parent, the others wait until it is kept."""

import logging
from collections.abc import Callable, Mapping

from search.heartbeat import Heartbeat
from search.models.topology import Topology
from search.parent_store import ParentStore
from search.parents import Parent, TrainParent
from search.patience import Patience
from search.processes import is_gone
from search.training.fit import StopRequestedError
from spaces.errors import StorageError
from storage.parent_leases import ParentLease, ParentLeases

_LOOK_EVERY_S = 2.0

_log = logging.getLogger(__name__)


class SharedParents:
    """Hands out parents, and trains one only while it has the lease on it.

    A worker that dies is replaced by the next one, which goes on from its checkpoint: at once where the process is
    known to have ended, else when the lease has expired.
    """

    def __init__(
        self,
        store: ParentStore,
        leases: ParentLeases,
        *,
        study_id: int,
        worker: str,
        lease_s: float,
        patience: Patience,
        on_wait: Callable[[Mapping[str, float]], None],
    ) -> None:
        """Share what a store keeps.

        Args:
            store: keeps the parents.
            leases: of the same database.
            study_id: of the worker's study.
            worker: this worker's name.
            lease_s: seconds after which the training of a worker that fell silent may be taken over.
            patience: makes the calls to the database, and waits.
            on_wait: told once, with the topology's choices, that another worker trains a parent.
        """
        self._store, self._leases = store, leases
        self._study_id, self._worker, self._lease_s = study_id, worker, lease_s
        self._patience, self._on_wait = patience, on_wait

    def obtain(self, topology: Topology, choices: Mapping[str, float], train: TrainParent) -> Parent:
        """Return the parent of a topology, as `ParentStore.obtain`; one that another worker trains is waited for.

        Raises:
            SpecError: the user's file does not fit the topology.
            ParentError: `train` failed.
            ArtifactError: the parent could not be read, or it or its state not stored.
            StopRequestedError: somebody asked to stop.
        """
        is_waiting = False
        while (parent := self._store.find(topology, choices)) is None:
            lease = self._take(self._store.key(choices))
            if lease is not None:
                trained = self._train(lease, topology, choices, train)
                if trained is not None:
                    return trained
                continue
            if not is_waiting:
                self._on_wait(choices)
            is_waiting = True
            self._patience.pause(_LOOK_EVERY_S)
        return parent

    def _take(self, key: str) -> ParentLease | None:
        holder = self._patience(lambda: self._leases.holder(key))
        if holder is not None and holder.worker is not None and is_gone(holder.worker):
            self._patience(lambda: self._leases.release(holder.lease))
        return self._patience(
            lambda: self._leases.take(key, study_id=self._study_id, owner=self._worker, ttl_s=self._lease_s)
        )

    def _train(
        self, lease: ParentLease, topology: Topology, choices: Mapping[str, float], train: TrainParent
    ) -> Parent | None:
        """Train under a lease; None where another worker took it over meanwhile."""
        heartbeat = Heartbeat(
            lambda: self._leases.renew(lease, ttl_s=self._lease_s),
            what="the float parent",
            lease_s=self._lease_s,
            is_transient=self._patience.is_transient,
        )
        try:
            with heartbeat:
                return self._store.obtain(topology, choices, train, is_lost=lambda: heartbeat.is_lost)
        except StopRequestedError:
            if not heartbeat.is_lost:
                raise
            _log.warning("the training of the float parent was taken over by another worker; its training here ends.")
            return None
        finally:
            self._release(lease)

    def _release(self, lease: ParentLease) -> None:
        try:
            self._leases.release(lease)
        except StorageError as error:
            _log.warning("the float parent is not given back: %s It is free in %g s.", error, self._lease_s)
