"""`audit` from the command line down to the database, on an untrained network and a few digits."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from search.bootstrap import create_memory
from search.cli.app import app
from spaces.errors import ArtifactError, SelectionError, StudyMismatchError
from tests.builders import build_outcome, run_trial
from tests.search.cli.short_audits import shorten
from tests.search.random_model import random_model
from tests.search.trained_digits import digits_dataset, digits_spec

SHORT = ("pgd", "pgd-restarts", "fmn", "apgd-ce", "noise")


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """A database with a study of three complete trials, two of them with a stored model."""
    path = str(tmp_path / "studies.db")
    memory, spec = create_memory(path), digits_spec()
    study = memory.repository.create_study(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data=digits_dataset().describe(),
        versions={},
    )
    for number, bits in enumerate((4, 2, 3)):
        model = random_model(weight_bits=bits)
        files = model.to_files() if number < 2 else {}
        digests = {name: memory.artifacts.put(content) for name, content in files.items()}
        outcome = build_outcome(0.5, 0.25, size_bytes=500)
        run_trial(memory.claims, study.id, number, outcome, candidate=model.candidate, artifacts=digests)
    return path


@pytest.fixture(autouse=True)
def short_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, SHORT)


def call(storage: str, *arguments: str) -> str:
    result = CliRunner().invoke(
        app, ["audit", "--storage", storage, "--images", "40", "--quick", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.slow  # traces three networks, twice
def test_audit_is_run_stored_shown_and_compared(storage: str) -> None:
    values = json.loads(call(storage, "--select", "trial:0", "--json"))
    assert (values["trial"], values["n_examples"], values["is_complete"]) == (0, 40, True)
    assert [(attack["name"], attack["norm"]) for attack in values["attacks"]] == [
        (name, norm) for norm in ("linf", "l2") for name in SHORT
    ]
    for worst in values["worst_case"]:
        attacks = [attack["accuracy"] for attack in values["attacks"] if attack["norm"] == worst["norm"]]
        assert (np.array(worst["accuracy"]) <= np.min(attacks, axis=0) + 1e-9).all()
        assert all(
            low <= value <= high for value, (low, high) in zip(worst["accuracy"], worst["intervals"], strict=True)
        )
    assert json.loads(call(storage, "--select", "trial:0", "--show", "--json")) == values
    shown = call(storage, "--select", "trial:0", "--show")
    assert [check["name"] for check in values["checks"] if check["is_precondition"]] == [
        "logits_not_probabilities",
        "deterministic",
        "batch_invariant",
    ]
    assert len(values["checks"]) == 17
    assert values["masking_suspect"] == any(not check["passed"] for check in values["checks"])
    for text in ("worst case", "95% from", "apgd-ce", "distance to the nearest wrong prediction", "masking checks"):
        assert text in shown
    with pytest.raises(SelectionError, match="trial 1 of study 'digits' has no audit"):
        call(storage, "--select", "trial:0", "--show", "--compare", "trial:1")
    call(storage, "--select", "trial:1")
    compared = json.loads(call(storage, "--select", "trial:0", "--show", "--compare", "trial:1", "--json"))
    assert compared["comparison"]["with"] == 1
    assert len(compared["comparison"]["radii"]) == 6
    assert "mid-p" in call(storage, "--select", "trial:0", "--show", "--compare", "trial:1")


def test_trial_without_a_stored_model_says_why(storage: str) -> None:
    with pytest.raises(ArtifactError, match="trial 2 of study 'digits' has no stored model"):
        call(storage, "--select", "trial:2")


def test_other_data_are_refused(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.data.splits.fingerprint", lambda *_, **__: "0" * 64)
    with pytest.raises(StudyMismatchError, match="started on other data"):
        call(storage, "--select", "trial:0")
