"""Several workers that need the same float parent: one trains, the others wait, a dead one is replaced."""

import errno
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from search.models.topologies import digits_cnn
from search.parent_store import ParentStore
from search.parents import Parent, TrainedParent
from search.patience import Patience
from search.shared_parents import SharedParents
from search.training.checkpoint import EpochRecord, FitCheckpoint, FitState
from search.training.fit import StopRequestedError
from spaces.errors import ArtifactError, ParentError
from storage.artifacts import ArtifactStore
from storage.migrations import upgrade
from storage.parent_leases import ParentLeases
from storage.repository import Repository
from storage.sql import open_engine, write_engine
from storage.workers import WorkerIdentity, WorkerRepository
from tests.builders import create_study
from tests.search.trained_digits import digits_dataset, digits_spec
from tests.search.trials.processes import ended_process, living_process

TOPOLOGY: Any = digits_cnn.build(input_shape=(8, 8, 1), n_classes=10, width=0.5)
CHOICES = {"width": 0.5}
LEASE_S = 60.0
STATE = FitState(
    records=(EpochRecord(epoch=1, cross_entropy=1.0, jacobian_term=0.0, elapsed_s=0.5),),
    weights={"w": np.ones(2, np.float32)},
    optimizer=(),
)


class Cluster:
    """One database and one folder of artifacts, which several workers open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engines = [self._open()]
        upgrade(self.engines[0])
        self.study = create_study(Repository(self.engines[0]))
        self.leases = ParentLeases(self.engines[0])

    def _open(self) -> Any:
        return open_engine(str(self.folder / "studies.db"))

    def store(self, repository: Repository, patience: Patience | None = None) -> ParentStore:
        return ParentStore(
            digits_spec(),
            digits_dataset(),
            study_id=self.study.id,
            repository=repository,
            artifacts=ArtifactStore(self.folder / "artifacts"),
            patience=patience or Patience(lambda: False, rng=random.Random(0)),
        )

    def worker(
        self,
        name: str,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        on_wait: Callable[[Mapping[str, float]], None] = lambda _: None,
        lease_s: float = LEASE_S,
    ) -> SharedParents:
        """Return what a worker process of that name has: an engine of its own."""
        engine = self._open()
        self.engines.append(engine)
        patience = Patience(should_stop, rng=random.Random(0))
        return SharedParents(
            self.store(Repository(engine), patience),
            ParentLeases(engine),
            study_id=self.study.id,
            worker=name,
            lease_s=lease_s,
            patience=patience,
            on_wait=on_wait,
        )

    def join(self, identity: WorkerIdentity) -> None:
        WorkerRepository(self.engines[0]).join(self.study.id, identity, within_s=LEASE_S)

    def take_as(self, name: str) -> None:
        """Take the parent's lease in the name of another process."""
        key = self.store(Repository(self.engines[0])).key(CHOICES)
        assert self.leases.take(key, study_id=self.study.id, owner=name, ttl_s=LEASE_S)

    def expire(self) -> None:
        """Let all leases run out, as if their holders had been silent for long."""
        with write_engine(self.engines[0]).begin() as connection:
            connection.execute(text("UPDATE cosearch_parent_leases SET expires_at = 0"))


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr("search.shared_parents._LOOK_EVERY_S", 0.01)
    made = Cluster(tmp_path)
    yield made
    for engine in made.engines:
        engine.dispose()


def trained(value: float) -> TrainedParent:
    parent = Parent(weights={"w": np.full(2, value, np.float32)}, clean_accuracy=value, source="trained here")
    return TrainedParent(parent=parent, details={"epochs": 1})


def never(_checkpoint: FitCheckpoint, _is_lost: Callable[[], bool]) -> TrainedParent:
    pytest.fail("this worker has nothing to train")


def accuracy(parents: SharedParents, train: Any) -> float:
    return parents.obtain(TOPOLOGY, CHOICES, train).clean_accuracy


class InBackground:
    """A call in a thread of its own, which is waited for at the end of the block."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self.result: Any = None

    def _run(self) -> None:
        self.result = self._call()

    def __enter__(self) -> "InBackground":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


def test_others_wait_until_the_parent_is_kept_and_train_nothing(cluster: Cluster) -> None:
    waiting, waits = threading.Barrier(3), []

    def on_wait(choices: Mapping[str, float]) -> None:
        waits.append(choices)
        waiting.wait(timeout=60)

    def train(_checkpoint: FitCheckpoint, _is_lost: Callable[[], bool]) -> TrainedParent:
        second, third = (cluster.worker(name, on_wait=on_wait) for name in ("w2", "w3"))
        threads.extend(InBackground(lambda parents=parents: accuracy(parents, never)) for parents in (second, third))
        for thread in threads:
            thread.__enter__()
        waiting.wait(timeout=60)  # both have seen that they are not the first
        return trained(0.75)

    threads: list[InBackground] = []
    assert accuracy(cluster.worker("w1"), train) == 0.75
    for thread in threads:
        thread.__exit__()
        assert thread.result == 0.75
    assert waits == [CHOICES, CHOICES]
    assert accuracy(cluster.worker("w4"), never) == 0.75


def test_successor_of_a_stopped_worker_goes_on_from_its_checkpoint(cluster: Cluster) -> None:
    def stop(checkpoint: FitCheckpoint, _is_lost: Callable[[], bool]) -> TrainedParent:
        checkpoint.save(STATE)
        raise StopRequestedError

    def go_on(checkpoint: FitCheckpoint, _is_lost: Callable[[], bool]) -> TrainedParent:
        state = checkpoint.load()
        assert state is not None
        assert state.records == STATE.records
        return trained(0.5)

    with pytest.raises(StopRequestedError):
        cluster.worker("w1").obtain(TOPOLOGY, CHOICES, stop)
    second = cluster.worker("w2", on_wait=lambda _: pytest.fail("the lease was given back"))
    assert accuracy(second, go_on) == 0.5
    # The finished training left no checkpoint behind.
    assert list((cluster.folder / "artifacts" / "unfinished").iterdir()) == []


def test_of_two_that_replace_a_lost_parent_the_second_takes_the_first_one_s(cluster: Cluster) -> None:
    first, second = (cluster.store(Repository(cluster.engines[0])) for _ in range(2))
    first.keep(CHOICES, trained(0.1).parent, {})
    for file in (cluster.folder / "artifacts").glob("[0-9a-f][0-9a-f]/*"):
        file.unlink()
    look = second._stored
    lost: list[Any] = []

    def overtaken(record: Any) -> Any:
        found = look(record)
        if not lost:
            lost.append(record)
            first.keep(CHOICES, trained(0.3).parent, {})
        return found

    second._stored = overtaken  # type: ignore[method-assign]
    kept = second.keep(CHOICES, trained(0.5).parent, {})
    assert (lost != [], kept.clean_accuracy) == (True, 0.3)


def test_worker_whose_process_ended_is_replaced_at_once(cluster: Cluster) -> None:
    dead = ended_process("w1")
    cluster.join(dead)
    cluster.take_as("w1")
    second = cluster.worker("w2", on_wait=lambda _: pytest.fail("there is nobody to wait for"))
    assert accuracy(second, lambda _checkpoint, _is_lost: trained(0.5)) == 0.5


def test_silent_worker_is_waited_for_until_its_lease_expires(cluster: Cluster) -> None:
    cluster.join(living_process("w1"))
    cluster.take_as("w1")
    waits = []

    def on_wait(choices: Mapping[str, float]) -> None:
        waits.append(choices)
        cluster.expire()

    second = cluster.worker("w2", on_wait=on_wait)
    assert accuracy(second, lambda _checkpoint, _is_lost: trained(0.5)) == 0.5
    assert waits == [CHOICES]


def test_worker_that_lost_its_lease_ends_its_training_and_takes_the_other_s_parent(cluster: Cluster) -> None:
    first, second = cluster.worker("w1", lease_s=0.03), cluster.worker("w2")

    def train_late(_checkpoint: FitCheckpoint, is_lost: Callable[[], bool]) -> TrainedParent:
        # A higher epoch, as a takeover after the lease had run out would have made it.
        cluster.take_as("w1")
        cluster.expire()
        assert accuracy(second, lambda _checkpoint, _is_lost: trained(0.5)) == 0.5
        waited = threading.Event()
        while not is_lost():
            waited.wait(0.005)
        raise StopRequestedError

    assert accuracy(first, train_late) == 0.5


def test_failure_is_raised_and_leaves_the_parent_to_the_next(cluster: Cluster) -> None:
    def fail(_checkpoint: FitCheckpoint, _is_lost: Callable[[], bool]) -> TrainedParent:
        raise ParentError("the float parent could not be trained.")

    with pytest.raises(ParentError):
        cluster.worker("w1").obtain(TOPOLOGY, CHOICES, fail)
    assert accuracy(cluster.worker("w2"), lambda _checkpoint, _is_lost: trained(0.5)) == 0.5


def test_waiting_ends_when_a_stop_is_asked_for(cluster: Cluster) -> None:
    cluster.join(living_process("w1"))
    cluster.take_as("w1")
    waits: list[object] = []
    second = cluster.worker("w2", on_wait=waits.append, should_stop=lambda: waits != [])
    with pytest.raises(StopRequestedError):
        second.obtain(TOPOLOGY, CHOICES, never)


def kept_file(cluster: Cluster) -> Path:
    store = ArtifactStore(cluster.folder / "artifacts")
    (digest,) = store.digests()
    return store.path(digest)


@pytest.mark.parametrize("value", [0.5, 0.25], ids=["the same weights", "other weights"])
@pytest.mark.parametrize("content", [None, b"damaged"])
def test_parent_whose_file_is_lost_is_trained_again_and_found_by_the_others(
    cluster: Cluster, value: float, content: bytes | None
) -> None:
    accuracy(cluster.worker("w1"), lambda _checkpoint, _is_lost: trained(0.5))
    path = kept_file(cluster)
    path.unlink() if content is None else path.write_bytes(content)
    assert accuracy(cluster.worker("w2"), lambda _checkpoint, _is_lost: trained(value)) == value
    assert accuracy(cluster.worker("w3"), never) == value
    assert kept_file(cluster).exists()  # and no damaged one beside it


def test_parent_that_cannot_be_read_now_is_neither_removed_nor_trained_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy(cluster.worker("w1"), lambda _checkpoint, _is_lost: trained(0.5))
    path, read = kept_file(cluster), Path.open

    def fail(self: Path, *arguments: Any, **keywords: Any) -> Any:
        if self == path:
            raise OSError(errno.EMFILE, "Too many open files")
        return read(self, *arguments, **keywords)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fail)
        with pytest.raises(ArtifactError, match="Too many open files; check the disk"):
            accuracy(cluster.worker("w2"), never)
    assert accuracy(cluster.worker("w3"), never) == 0.5
