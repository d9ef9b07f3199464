import numpy as np
import pytest

from search.data.digits import load_digits
from search.data.sources import SOURCES
from search.health.data import _READERS, data_findings
from search.health.finding import Status
from spaces.errors import DataError


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path


def test_every_data_set_of_the_service_can_be_looked_for():
    assert _READERS.keys() == SOURCES.keys()


def test_data_that_are_missing_are_not_downloaded_but_told_with_a_way_out(no_data, monkeypatch):
    monkeypatch.setattr("subprocess.run", lambda *_, **__: pytest.fail("a download was started"))
    cifar, digits = data_findings(no_data)
    assert (cifar.what, cifar.status, cifar.text) == ("data of cifar", Status.WARNING, "CIFAR-10 was not found")
    assert "not tried here" in cifar.advice
    assert "--data-dir" in cifar.advice
    assert (digits.what, digits.status) == ("data of digits", Status.OK)
    assert digits.text == "digits: 1,437 training and 360 test examples"


def test_note_about_the_data_is_shown(no_data):
    def small(data_dir):
        raw = load_digits(data_dir)
        object.__setattr__(raw, "note", "some images are inexact")
        return raw

    cifar, _ = data_findings(no_data, readers={"cifar10": small, "digits": small})
    assert cifar.text.endswith("; some images are inexact")


def test_damaged_data_are_told(no_data):
    np.savez(no_data / "cifar10.npz", x_train=np.zeros(3))
    cifar, _ = data_findings(no_data)
    assert cifar.status is Status.WARNING
    assert f"{no_data}/cifar10.npz" in cifar.text


def test_error_without_a_way_out_is_shown_whole(no_data):
    def broken(_):
        raise DataError("the disk is broken")

    _, digits = data_findings(no_data, readers={"cifar10": broken, "digits": broken})
    assert (digits.text, digits.advice) == ("the disk is broken", "")
