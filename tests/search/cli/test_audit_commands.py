"""What `audit`, `reference` and `compare` have in common, with models in NumPy."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

import search.audit
from storage.records import StudyRecord
from tests.search.cli.running import Ran, make_runner
from tests.search.cli.short_audits import FAMILY, install, store_study

COMMANDS = (
    ("audit", "--select", "trial:0"),
    ("reference", "--model", FAMILY),
    ("compare", "--reference", FAMILY),
)

each_command = pytest.mark.parametrize("command", COMMANDS, ids=[command[0] for command in COMMANDS])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ran]:
    install(monkeypatch)
    storage = str(tmp_path / "studies.db")
    store_study(storage)
    runner = make_runner(monkeypatch, capsys)
    return lambda *arguments, study="digits": runner(
        *arguments, "--storage", storage, "--study", study, "--images", "40", "--quick"
    )


@each_command
def test_study_may_be_named_by_its_file(run: Callable[..., Ran], tmp_path: Path, command: tuple[str, ...]) -> None:
    file = tmp_path / "mine.toml"
    preset = Path(__file__).parents[3] / "spaces" / "studies" / "digits.toml"
    file.write_text(preset.read_text())
    ran = run(*command, study=str(file))
    assert (ran.code, "mine.toml" in ran.output) == (0, False)


@each_command
def test_sigterm_stops_like_ctrl_c(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    run_step = search.audit.run_step

    def terminated(*arguments: object, **options: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return run_step(*arguments, **options)

    monkeypatch.setattr(search.audit, "run_step", terminated)
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)  # so that the tests outlive a command that does not listen
    try:
        stopped = run(*command)
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert (stopped.code, stopped.output) == (130, "")
    assert "the same command goes on" in stopped.errors
    monkeypatch.setattr(search.audit, "run_step", run_step)
    assert run(*command).code == 0


@each_command
def test_json_has_the_note_of_the_data(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    assert _noted(run(*command, "--json")) is None
    monkeypatch.setattr(StudyRecord, "data_note", property(lambda _: "a part of the digits"))
    assert _noted(run(*command, "--json")) == "a part of the digits"


def _noted(ran: Ran) -> str | None:
    assert ran.code == 0
    values = json.loads(ran.output)
    return (values[0] if isinstance(values, list) else values)["data_note"]
