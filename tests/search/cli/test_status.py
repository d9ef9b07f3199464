"""`status`, once and as a watch."""

import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from search.bootstrap import create_memory
from search.cli.status_watch import progress_line, watch_study
from storage.records import RevisionRecord, TrialState
from storage.study_progress import StudyProgress
from tests.dashboards.builders import make_study
from tests.search.cli.running import make_runner

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def progress(*, complete: int, running: int = 0, pace: float | None = None) -> StudyProgress:
    counts = dict.fromkeys(TrialState, 0) | {TrialState.COMPLETE: complete, TrialState.RUNNING: running}
    return StudyProgress(
        study=make_study(),
        counts=counts,
        revision=RevisionRecord(revision=3, trial_number=1, hypervolume=12.5, size=2, created_at=NOW),
        started_at=NOW,
        finished_at=NOW + timedelta(hours=1),
        trials_per_hour=pace,
    )


@pytest.fixture
def stored(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    memory = create_memory("studies.db")
    spec = dict(make_study().spec)
    memory.repository.create_study(name="night", spec=spec, spec_fingerprint="f", data={"name": "d"}, versions={})
    return memory


def test_line_says_how_far_how_fast_and_how_long_still():
    line = progress_line(progress(complete=6, running=1, pace=3.0), n_alive=2, budget=12)
    assert line == (
        "6/12 trials, 1 running, 2 workers alive, 3 trials an hour, front 2, hypervolume 12.5  2:00:00 left"
    )


def test_watch_goes_on_until_the_budget_is_spent(stored, monkeypatch):
    looks = iter([(progress(complete=1, running=1), 1, 2), (progress(complete=2), 0, 2)])
    monkeypatch.setattr("search.cli.status_watch._look", lambda memory, name: next(looks))
    console = Console(record=True, force_terminal=False, width=200)
    pauses: list[float] = []
    watch_study(console, stored, "night", every_s=7.0, sleep=pauses.append)
    first, second = console.export_text().splitlines()
    assert (first[:10], second[:10], pauses) == ("1/2 trials", "2/2 trials", [7.0])


def test_bar_stands_above_the_line_in_a_terminal(stored, monkeypatch):
    monkeypatch.setattr("search.cli.status_watch._look", lambda memory, name: (progress(complete=2), 0, 2))
    output = io.StringIO()
    watch_study(Console(file=output, force_terminal=True, color_system=None, width=80), stored, "night", every_s=7.0)
    shown = re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", output.getvalue())
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", shown)]
    start = lines.index("study night")
    assert lines[start + 1] == "━" * 40
    assert lines[start + 2].startswith("2/2 trials")


def test_watch_is_for_people(monkeypatch, capsys, stored):
    ran = make_runner(monkeypatch, capsys)("status", "--study", "night", "--watch", "--json")
    assert ran.code == 2
    assert "choose one" in ran.errors


def test_quiet_leaves_the_result(monkeypatch, capsys, stored):
    ran = make_runner(monkeypatch, capsys)("--quiet", "status", "--study", "night", "--json")
    assert (ran.code, json.loads(ran.output)["trials"]["complete"]) == (0, 0)
