import numpy as np
import pytest

from search.data.digits import load_digits
from search.data.sources import SOURCES
from search.health.data import _READERS, DataSummary, data_findings, reader
from search.health.finding import Finding, Status
from spaces.errors import DataError
from tests.search.data.speech_builders import write_speech_folder


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def found(data_dir, **options) -> dict[str, Finding]:
    return {finding.what.removeprefix("data of "): finding for finding in data_findings(data_dir, **options)}


def test_every_data_set_of_the_service_can_be_looked_for():
    assert _READERS.keys() == SOURCES.keys()


def test_data_that_are_missing_are_not_downloaded_but_told_with_a_way_out(no_data, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download was started"))
    findings = found(no_data)
    missing = {"cifar": "CIFAR-10", "cifar-robust": "CIFAR-10", "svhn": "SVHN"}
    missing |= dict.fromkeys(("kws", "kws-waveform"), "Speech Commands")
    assert findings.keys() == {"digits", *missing}
    for preset, name in missing.items():
        assert (findings[preset].status, findings[preset].text) == (Status.WARNING, f"{name} was not found")
        assert "not tried here" in findings[preset].advice
        assert "--data-dir" in findings[preset].advice
    assert findings["digits"].status is Status.OK
    assert findings["digits"].text == "digits: 1,437 training and 360 test examples"


def test_note_about_the_data_is_shown(no_data):
    def small(data_dir):
        raw = load_digits(data_dir)
        object.__setattr__(raw, "note", "some images are inexact")
        return raw

    findings = found(no_data, readers=dict.fromkeys(SOURCES, reader(small)))
    assert findings["cifar"].text.endswith("; some images are inexact")


def test_recordings_are_counted_without_making_features(no_data, monkeypatch):
    folder = write_speech_folder(no_data / "speech_commands", words=("down", "go", "left", "right", "up", "zero"))
    monkeypatch.setattr("search.data.speech_commands._features", lambda _: pytest.fail("features were made"))
    text = found(no_data)["kws"].text
    assert text.startswith("speech_commands: ")
    assert text.endswith(f"recordings of {folder}")


def test_damaged_data_are_told(no_data):
    np.savez(no_data / "cifar10.npz", x_train=np.zeros(3))
    cifar = found(no_data)["cifar"]
    assert cifar.status is Status.WARNING
    assert f"{no_data}/cifar10.npz" in cifar.text


def test_error_without_a_way_out_is_shown_whole(no_data):
    def broken(_spec, _folder) -> DataSummary:
        raise DataError("the disk is broken")

    digits = found(no_data, readers=dict.fromkeys(SOURCES, broken))["digits"]
    assert (digits.text, digits.advice) == ("the disk is broken", "")
