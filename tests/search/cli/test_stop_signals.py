"""SIGTERM, the end of standard input, and counted requests."""

import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from search.cli.interrupt import StopAfterBatch
from search.cli.stop_signals import StopRequests, sigterm_as_ctrl_c
from tests.search.cli.test_interrupt import press

# Waits for two Ctrl-C and says when they came; the main thread sits in a long sleep as it sits in a training.
WAITER = """
import signal, sys, time
from search.cli.stop_signals import stop_with_stdin
pressed = []
def handle(*_):
    pressed.append(time.monotonic())
    print("pressed", pressed[-1], flush=True)
    if len(pressed) == 2:
        sys.exit()
signal.signal(signal.SIGINT, handle)
stop_with_stdin(grace_s=0.3)
print("ready", flush=True)
while True:
    time.sleep(60)
"""


def test_sigterm_is_a_wish_like_ctrl_c():
    with sigterm_as_ctrl_c(), StopAfterBatch(Console(quiet=True)) as interrupt:
        interrupt.begin_training()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.is_wanted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_ends_a_command_that_a_script_started_in_the_background():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with sigterm_as_ctrl_c(), pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, previous)


def test_after_the_block_sigterm_is_what_it_was():
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_as_ctrl_c():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_end_of_standard_input_presses_ctrl_c_and_again_after_a_time_of_grace():
    process = subprocess.Popen([sys.executable, "-c", WAITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdin.write("a line is no end")
    process.stdin.flush()
    time.sleep(0.2)
    assert process.poll() is None
    closed = time.monotonic()
    output, _ = process.communicate(timeout=20)  # closes standard input
    assert process.returncode == 0
    first, second = (float(line.removeprefix("pressed ")) for line in output.splitlines())
    # The grace runs from the end of standard input: the first press may have been handled late.
    assert first >= closed
    assert second >= closed + 0.3


def test_requests_are_counted_and_do_nothing_else():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopRequests() as requests:
        assert requests.count() == 0
        press()
        assert requests.count() == 1
        os.kill(os.getpid(), signal.SIGTERM)
        assert requests.count() == 2
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
