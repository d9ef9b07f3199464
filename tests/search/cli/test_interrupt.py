"""Ctrl-C while a worker trains: first a wish, then the end; before and after, the end at once."""

import contextlib
import io
import os
import signal

import pytest
from rich.console import Console

from search.cli.interrupt import StopAfterBatch


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_first_interrupt_is_a_wish_and_the_second_ends():
    output = io.StringIO()
    with StopAfterBatch(Console(file=output)) as interrupt:
        interrupt.begin_training()
        assert not interrupt.is_wanted()
        press()
        assert interrupt.is_wanted()
        assert "stopping after this batch" in output.getvalue()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_before_the_training_an_interrupt_ends_at_once():
    with StopAfterBatch(Console(quiet=True)), pytest.raises(KeyboardInterrupt):
        press()


def test_interrupt_that_an_import_dropped_ends_before_the_training():
    with StopAfterBatch(Console(quiet=True)) as interrupt:
        with contextlib.suppress(KeyboardInterrupt):
            press()
        for go_on in (interrupt.check_not_lost, interrupt.begin_training):
            with pytest.raises(KeyboardInterrupt):
                go_on()


def test_after_the_block_an_interrupt_is_python_s_own():
    before = signal.getsignal(signal.SIGINT)
    with StopAfterBatch(Console(quiet=True)) as interrupt:
        interrupt.begin_training()
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
