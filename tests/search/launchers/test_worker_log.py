import os
import subprocess

import pytest

from search.launchers.worker_log import WorkerLog, claim_logs
from spaces.errors import SetupError


def names(logs: list[WorkerLog]) -> list[str]:
    return [log.name for log in logs]


def close(logs: list[WorkerLog]) -> None:
    for log in logs:
        log.close()


def test_names_are_numbered_from_one_and_found_again(tmp_path):
    first = claim_logs(tmp_path / "logs", host="host.example", n_workers=2)
    assert names(first) == ["host.example-1", "host.example-2"]
    close(first)
    again = claim_logs(tmp_path / "logs", host="host.example", n_workers=2)
    assert names(again) == names(first)
    close(again)


def test_two_supervisors_share_no_name(tmp_path):
    first = claim_logs(tmp_path, host="h", n_workers=2)
    second = claim_logs(tmp_path, host="h", n_workers=2)
    assert names(second) == ["h-3", "h-4"]
    close(first + second)


def test_name_is_in_use_as_long_as_the_worker_runs_on_without_its_supervisor(tmp_path):
    (log,) = claim_logs(tmp_path, host="h", n_workers=1)
    process = subprocess.Popen(["sleep", "60"], stdout=log.file)
    log.close()
    try:
        assert WorkerLog.claim(tmp_path / "h-1.log") is None
    finally:
        process.kill()
        process.wait()
    (again,) = claim_logs(tmp_path, host="h", n_workers=1)
    assert again.name == "h-1"
    again.close()


def test_last_error_is_that_of_the_present_process(tmp_path):
    (log,) = claim_logs(tmp_path, host="h", n_workers=1)
    log.begin()
    log.file.write(b"error: old\n")
    log.begin()
    assert log.last_error() == ""
    log.file.write(b"trial 3\nerror: no data here.\nstopped\n\n")
    assert log.last_error() == "no data here."
    log.close()


def test_without_an_error_the_last_line_tells(tmp_path):
    (log,) = claim_logs(tmp_path, host="h", n_workers=1)
    log.begin()
    log.file.write(b"Traceback (most recent call last):\nKeyError: 'x'\n")
    assert log.last_error() == "KeyError: 'x'"
    log.close()


def test_earlier_output_is_kept(tmp_path):
    for text in (b"first\n", b"second\n"):
        (log,) = claim_logs(tmp_path, host="h", n_workers=1)
        log.begin()
        log.file.write(text)
        log.close()
    lines = (tmp_path / "h-1.log").read_text().splitlines()
    assert [line for line in lines if not line.startswith("== started ")] == ["first", "second"]


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(SetupError, match=rf"log {tmp_path}/logs/h-1\.log cannot be opened"):
        claim_logs(tmp_path / "logs", host="h", n_workers=1)
    assert os.listdir(tmp_path) == ["logs"]
