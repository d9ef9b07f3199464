"""Two launches of one study at the same time, with early stopping, as processes of their own."""

import subprocess

import pytest

from search.bootstrap import open_memory
from storage.records import TrialState
from tests.builders import check_front
from tests.integration.tiny import GUARD_S, clean_environment, search_command, write_tiny

pytestmark = pytest.mark.slow

BUDGET = 9


def test_two_launches_share_the_budget_exactly(tmp_path):
    changes = {"epochs = 1": "epochs = 4", "[budget]": "[early_stopping]\nattack_examples = 20\n[budget]"}
    write_tiny(tmp_path, changes)
    command = search_command(
        "launch",
        *("--study", "tiny.toml", "--data", "synthetic", "--trials", str(BUDGET), "--early-stopping", "rungs"),
    )
    first = subprocess.run(
        [*command[:-3], "2", *command[-2:]], cwd=tmp_path, env=clean_environment(), capture_output=True, check=True
    )
    assert first.stderr == b""
    processes = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env=clean_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=GUARD_S)
        assert (process.returncode, errors) == (0, "")

    memory = open_memory(str(tmp_path / "studies.db"))
    study = memory.repository.get_study("tiny-synthetic")
    trials = memory.repository.trials(study.id)
    budgeted = [record for record in trials if record.state.is_budgeted]
    assert len(budgeted) == BUDGET
    assert {record.state for record in budgeted} <= {TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED}
    assert all(record.is_told for record in trials)
    assert len({record.owner for record in budgeted}) >= 2
    assert check_front(memory.repository, study.id) == []
    assert memory.workers.alive(study.id, within_s=1e6) == []
    assert all(not record.checkpoints for record in memory.rungs.rungs(study.id))
    assert memory.artifacts.digests() == memory.repository.referenced_digests()
    assert list((tmp_path / "studies.artifacts" / "outbox").glob("*/*")) == []
