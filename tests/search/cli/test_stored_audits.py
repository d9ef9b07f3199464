"""`audit` on stored audits, run before or chosen with `--show`, with trials whose models are in NumPy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.search.cli.running import Ran, make_runner
from tests.search.cli.short_audits import Steps, install, store_study


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return install(monkeypatch)


@pytest.fixture
def audit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, steps: Steps
) -> Callable[..., Ran]:
    storage = str(tmp_path / "studies.db")
    store_study(storage)
    run = make_runner(monkeypatch, capsys)
    return lambda *arguments, select=0: run("audit", "--storage", storage, "--select", f"trial:{select}", *arguments)


def test_comparison_finds_the_audit_behind_a_newer_one(audit: Callable[..., Ran], steps: Steps) -> None:
    assert audit("--images", "40", "--quick").code == 0
    assert audit("--images", "40", "--quick", select=1).code == 0
    assert audit("--images", "20", "--quick", select=1).code == 0
    n_run = len(steps.run)
    compared = audit("--show", "--compare", "trial:1", "--json")
    assert (compared.code, len(steps.run)) == (0, n_run)
    assert json.loads(compared.output)["comparison"]["with"] == 1
    assert audit("--show", "--images", "40", "--quick", "--compare", "trial:0", select=1).code == 0
    newest = audit("--show", "--compare", "trial:0", select=1)
    assert (newest.code, newest.output) == (2, "")
    assert "Run `audit --study digits --select trial:0 --images 20 --quick`" in newest.errors


def test_shown_audit_is_that_of_the_options_or_the_newest(audit: Callable[..., Ran]) -> None:
    for images in ("40", "20"):
        audit("--images", images, "--quick")
    for options, n_examples in (((), 20), (("--quick",), 20), (("--images", "40", "--quick"), 40)):
        assert json.loads(audit("--show", *options, "--json").output)["n_examples"] == n_examples
    missing = audit("--show", "--images", "40")
    assert (missing.code, missing.output) == (2, "")
    assert "no audit with --images 40 (it has: --images 40 --quick, --images 20 --quick)" in missing.errors
