"""The launcher with real processes that train nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from search.launchers.local import LocalLauncher, LocalWorkers
from search.launchers.worker_log import claim_logs
from spaces.errors import SetupError, WorkerFailedError
from tests.search.launchers.fake_workers import (
    DEAF,
    ENDS,
    QUICK,
    WAITS,
    Heard,
    Looks,
    log_text,
    make_launcher,
    pids,
)

# A supervisor of its own process, of two workers that stop with their standard input.
SUPERVISOR = """
import pathlib, sys
from tests.search.launchers.fake_workers import WAITS, make_launcher
path = f"sys.path[:0] = {sys.path!r}\\n"
stop = "from search.cli.stop_signals import stop_with_stdin\\nstop_with_stdin()\\n"
program = path + stop + WAITS
make_launcher(pathlib.Path(sys.argv[1]), {"h-1": program, "h-2": program}).run()
"""


def wait_until(is_so: Callable[[], bool], *, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_workers_that_end_well_are_not_started_again(tmp_path):
    heard, watch = Heard(), Looks()
    assert make_launcher(tmp_path, {"h-1": ENDS, "h-2": ENDS}, heard=heard, watch=watch).run()
    assert (heard.started, heard.ended, watch.finished) == (["h-1", "h-2"], [], [True])
    assert log_text(tmp_path, "h-2").splitlines()[1:] == ["done"]


@pytest.mark.parametrize(
    ("how", "code"),
    [("os.kill(os.getpid(), signal.SIGKILL)", -9), ("sys.exit(7)", 7), ("raise SystemExit('bad')", 1)],
)
def test_worker_that_died_is_started_again_under_its_name(tmp_path, how, code):
    heard = Heard()
    assert make_launcher(tmp_path, {"h-1": f"if n_starts < 3: {how}", "h-2": ENDS}, heard=heard).run()
    assert heard.ended == [("h-1", code)] * 2
    assert len(set(pids(tmp_path, "h-1"))) == 3
    assert len(pids(tmp_path, "h-2")) == 1


def test_workers_that_are_killed_over_and_over_come_back(tmp_path):
    heard = Heard()
    program = "if n_starts <= 12: os.kill(os.getpid(), signal.SIGKILL)"
    assert make_launcher(tmp_path, {"h-1": program}, heard=heard).run()
    assert heard.ended == [("h-1", -9)] * 12


def test_worker_that_fails_at_every_start_ends_the_launch_with_its_error(tmp_path):
    heard = Heard()
    failing = "print('error: no data here.', flush=True); sys.exit(3)"
    # The other one must be there when it is asked to stop.
    failing = f"while not os.path.exists(f'{{folder}}/h-2.starts'): time.sleep(0.01)\n{failing}"
    with pytest.raises(WorkerFailedError) as raised:
        make_launcher(tmp_path, {"h-1": failing, "h-2": WAITS}, heard=heard).run()
    assert raised.value.exit_code == 3
    log = tmp_path / "logs" / "h-1.log"
    assert str(raised.value) == (
        f"worker h-1 failed 5 times, each time within 60 s of its start (exit code 3): no data here. Its log: {log}."
    )
    assert (heard.started.count("h-1"), heard.n_stopped) == (5, [1])
    assert not any(is_alive(pid) for pid in pids(tmp_path, "h-2"))


def test_exit_code_of_a_crash_is_that_of_a_shell(tmp_path):
    with pytest.raises(WorkerFailedError, match=r"\(signal 11\): it printed nothing\. Its log") as raised:
        make_launcher(tmp_path, {"h-1": "os.kill(os.getpid(), signal.SIGSEGV)"}).run()
    assert raised.value.exit_code == 128 + 11


def test_first_request_asks_the_workers_to_stop_and_waits_for_them(tmp_path):
    heard, watch = Heard(), Looks()

    def requests() -> int:
        return int(all("waiting" in log_text(tmp_path, name) for name in ("h-1", "h-2")))

    launcher = make_launcher(tmp_path, {"h-1": WAITS, "h-2": WAITS}, heard=heard, watch=watch, stop_requests=requests)
    assert not launcher.run()
    assert (heard.n_stopped, heard.ended, watch.finished) == ([2], [], [False])
    assert all("asked to stop" in log_text(tmp_path, name) for name in ("h-1", "h-2"))
    assert not any(is_alive(pid) for name in ("h-1", "h-2") for pid in pids(tmp_path, name))


def test_second_request_kills_the_workers(tmp_path):
    asked = iter([0] * 5)

    def requests() -> int:
        if "waiting" not in log_text(tmp_path, "h-1"):
            return 0
        return 1 if next(asked, None) is not None else 2

    assert not make_launcher(tmp_path, {"h-1": DEAF}, stop_requests=requests).run()
    assert not any(is_alive(pid) for pid in pids(tmp_path, "h-1"))


def test_worker_that_waits_for_its_restart_is_not_started_after_a_request(tmp_path):
    heard = Heard()
    launcher = make_launcher(
        tmp_path, {"h-1": "sys.exit(7)"}, heard=heard, stop_requests=lambda: len(heard.ended), policy=QUICK
    )
    assert not launcher.run()
    assert len(heard.started) == 1


def test_nothing_is_started_while_the_database_is_away(tmp_path):
    heard = Heard()
    looks = iter([False] * 5)

    def answers() -> bool:
        is_there = next(looks, True)
        assert is_there or not heard.started
        return is_there

    assert make_launcher(tmp_path, {"h-1": ENDS}, heard=heard, watch=Looks(answers)).run()
    assert heard.started == ["h-1"]


def test_command_that_cannot_be_started_is_named(tmp_path):
    workers = LocalWorkers(
        logs=claim_logs(tmp_path, host="h", n_workers=1), command=lambda _: ["/nowhere/python"], environment={}
    )
    with pytest.raises(SetupError, match=r"worker h-1 cannot be started \(/nowhere/python\): No such file"):
        LocalLauncher(workers, watch=Looks(), listener=Heard(), stop_requests=lambda: 0).run()


def test_workers_end_with_a_supervisor_that_fails(tmp_path):
    def fail() -> None:
        wait_until(lambda: "waiting" in log_text(tmp_path, "h-2"))
        raise ValueError("listener")

    with pytest.raises(ValueError, match="listener"):
        make_launcher(tmp_path, {"h-1": "sys.exit(7)", "h-2": WAITS}, heard=Heard(at_end=fail)).run()
    assert not any(is_alive(pid) for pid in pids(tmp_path, "h-2"))


def test_ctrl_c_in_the_terminal_reaches_only_the_supervisor(tmp_path):
    # A terminal sends it to all processes of its foreground group.
    sessions = "print(os.getsid(0) == os.getpgid(0) == os.getpid(), flush=True)"
    assert make_launcher(tmp_path, {"h-1": sessions}).run()
    assert log_text(tmp_path, "h-1").splitlines()[1:] == ["True"]


def test_workers_of_a_killed_supervisor_stop_by_themselves(tmp_path):
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)])
    try:
        wait_until(lambda: all("waiting" in log_text(tmp_path, name) for name in ("h-1", "h-2")))
        workers = [pid for name in ("h-1", "h-2") for pid in pids(tmp_path, name)]
        assert len(workers) == 2
        assert all(map(is_alive, workers))
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
        wait_until(lambda: not any(map(is_alive, workers)))
    finally:
        supervisor.kill()
        supervisor.wait()
        for pid in pids(tmp_path, "h-1") + pids(tmp_path, "h-2"):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
    assert all("asked to stop" in log_text(tmp_path, name) for name in ("h-1", "h-2"))
