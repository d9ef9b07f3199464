"""Two real workers of one study under a supervisor, one of which is killed in the middle."""

import io
import os
import re
import signal
from pathlib import Path

import pytest
from rich.console import Console

from search.bootstrap import LaunchOptions, open_memory, prepare_study
from search.cli.progress import LaunchProgress
from search.cli.supervision import supervise
from search.local_launch import LocalOptions
from storage.maintenance import check_database
from storage.records import TrialState
from tests.integration.tiny import TRIALS, write_tiny

pytestmark = pytest.mark.slow


class KillingProgress(LaunchProgress):
    """Kills the first worker when the first trial is finished."""

    def __init__(self, output: io.StringIO) -> None:
        super().__init__(Console(file=output, width=200))
        self._output = output
        self.killed: int | None = None

    def trial_finished(self, record, standing) -> None:
        super().trial_finished(record, standing)
        found = re.search(r"-1 is process (\d+)", self._output.getvalue())
        if self.killed is None and found is not None:
            self.killed = int(found[1])
            os.kill(self.killed, signal.SIGKILL)


def test_killed_worker_comes_back_and_the_budget_is_exact(tmp_path, monkeypatch):
    write_tiny(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEARCH_STORAGE", raising=False)
    common = {"storage": "studies.db", "data_dir": None, "sampler": "tpe", "keep_all": False}
    study = prepare_study(LaunchOptions(study="tiny.toml", synthetic=False, overrides={}, **common))
    output = io.StringIO()
    progress = KillingProgress(output)
    assert supervise(Console(file=output, width=200), study, LocalOptions(n_workers=2, **common), progress)
    assert progress.killed is not None
    assert re.search(r"-1 ended by signal 9; it starts again in 1 s", output.getvalue())
    counts = open_memory("studies.db").repository.count_trials(study.id)
    assert (counts[TrialState.COMPLETE] + counts[TrialState.FAILED], counts[TrialState.RUNNING]) == (TRIALS, 0)
    told = re.findall(r"^trial +(\d+)", output.getvalue(), flags=re.MULTILINE)
    assert len(told) == len(set(told)) >= TRIALS
    assert check_database("studies.db").is_good
    logs = [path.read_text() for path in Path("studies.artifacts/logs").iterdir()]
    assert len(logs) == 2
    assert sum(log.count("training the float parent") for log in logs) == 1
