import subprocess
import sys
from pathlib import Path

import pytest

from spaces.errors import SetupError
from storage.study_lock import study_lock

HOLDER = """
import sys
from storage.study_lock import study_lock
with study_lock(sys.argv[1], 7, name="night"):
    print("held", flush=True)
    sys.stdin.read()
"""


def held_by_another_process(url: str) -> "subprocess.Popen[str]":
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_process_is_told_who_runs_the_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    with held_by_another_process(url) as holder:
        told = rf"study 'night' is being run .*process {holder.pid} on "
        with pytest.raises(SetupError, match=told), study_lock(url, 7, name="night"):
            pass
        with study_lock(url, 8, name="another study of the database"):
            pass
        holder.kill()


def test_a_killed_holder_frees_the_lock_before_anybody_waits_for_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    with held_by_another_process(url) as holder:
        holder.kill()
        assert holder.stdout is not None
        assert holder.stdout.read() == ""  # the pipe ends when the process does; it is still a zombie
        with study_lock(url, 7, name="night"):
            pass


def test_other_databases_are_not_locked() -> None:
    with study_lock("postgresql+psycopg://host/name", 1, name="night"), study_lock("sqlite://", 1, name="memory"):
        pass
