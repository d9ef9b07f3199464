import os
import subprocess
import sys

import pytest

from search.threads import THREAD_VARIABLES, available_cpus, bound_cpus, cpu_quota, limit_threads
from spaces.errors import SetupError

# Multiplies matrices, which starts the pools, and counts the threads of the process.
COUNT = """
import os, sys
from search.threads import limit_threads
limit_threads(int(sys.argv[1]))
from search.runtime import tf
values = tf.random.normal((500, 500))
tf.reduce_sum(values @ values)
print(len(os.listdir("/proc/self/task")))
"""


def n_threads(limit: int) -> int:
    command = [sys.executable, "-c", COUNT, str(limit)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
def test_tensorflow_starts_no_more_threads_than_told():
    assert n_threads(6) - n_threads(1) >= 5


def test_variables_are_set_for_this_process_and_its_children(monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    for name in THREAD_VARIABLES:
        monkeypatch.setenv(name, "9")
    limit_threads(3)
    assert {os.environ[name] for name in THREAD_VARIABLES} == {"3"}


def test_after_the_import_it_is_too_late(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    with pytest.raises(SetupError, match="before TensorFlow is imported"):
        limit_threads(3)


@pytest.mark.parametrize(
    ("content", "expected"), [("max 100000", float("inf")), ("250000 100000", 2.5), ("?", float("inf"))]
)
def test_quota_of_a_container_is_read(content, expected, tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text(content)
    assert cpu_quota(quota=quota) == expected


def test_without_a_quota_all_bound_processors_are_available(tmp_path):
    assert available_cpus(quota=tmp_path / "none") == bound_cpus() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("content", ["50000 100000", "100000 100000"])
def test_small_quota_leaves_one_processor(content, tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text(content)
    assert available_cpus(quota=quota) == 1
