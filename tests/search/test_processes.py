"""Which worker's process is there."""

import os
import platform

import pytest

from search.processes import is_gone, this_worker
from storage.workers import WorkerIdentity
from tests.search.trials.processes import ended_process, living_process


def test_worker_without_a_name_is_called_after_its_process() -> None:
    worker = this_worker()
    assert worker.name == f"{platform.node()}:{os.getpid()}"
    assert (worker.host, worker.pid) == (platform.node(), os.getpid())
    assert this_worker("w-3").name == "w-3"


def test_threads_are_those_that_tensorflow_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    assert this_worker().n_threads == 3
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "0")
    assert this_worker().n_threads >= 1


def test_only_ended_processes_of_this_host_are_gone() -> None:
    ended = ended_process("a")
    assert is_gone(ended)
    assert not is_gone(living_process("b"))
    assert not is_gone(this_worker())
    assert not is_gone(WorkerIdentity(name="a", host="another host", pid=ended.pid, n_threads=1))
