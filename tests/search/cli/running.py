"""Commands run in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from search.cli import app


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    output: str
    errors: str


def make_runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    monkeypatch.delenv("SEARCH_STORAGE", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["search", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        shown = capsys.readouterr()
        return Ran(code=int(ended.value.code or 0), output=shown.out, errors=shown.err)

    return run
