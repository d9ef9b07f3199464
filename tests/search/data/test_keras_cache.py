import hashlib
import subprocess
import time
from pathlib import Path

import pytest

from search.data import keras_cache
from search.data.keras_cache import download_cifar10, is_whole_archive, keras_datasets_folder
from spaces.errors import DataError


def test_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert keras_datasets_folder() == Path.home() / ".keras" / "datasets"


def test_keras_home_is_respected(monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "/elsewhere")
    assert keras_datasets_folder() == Path("/elsewhere/datasets")


def test_archive_is_whole_when_its_hash_is_the_published_one(tmp_path, monkeypatch):
    path = tmp_path / "archive"
    path.write_bytes(b"content")
    assert not is_whole_archive(path)
    monkeypatch.setattr(keras_cache, "_ARCHIVE_SHA256", hashlib.sha256(b"content").hexdigest())
    assert is_whole_archive(path)


def test_silent_server_is_given_up(tmp_path, monkeypatch):
    def run(command, *, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(keras_cache.subprocess, "run", run)
    with pytest.raises(DataError, match="was not done after 1800 s"):
        download_cifar10()


def test_growth_of_the_archive_is_told(tmp_path, monkeypatch, caplog):
    def run(command, **options):
        archive = tmp_path / "keras" / "datasets" / "cifar-10-batches-py.tar.gz"
        archive.parent.mkdir(parents=True)
        with archive.open("wb") as file:
            file.truncate(52_000_000)
        deadline = time.monotonic() + 10
        while not caplog.records and time.monotonic() < deadline:
            time.sleep(0.01)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(keras_cache, "_LOOK_S", 0.01)
    monkeypatch.setattr(keras_cache.subprocess, "run", run)
    download_cifar10()
    assert [record.message for record in caplog.records] == [
        "downloading https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz: 30% of 170 MB"
    ]


def test_cache_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file" / "keras"))
    with pytest.raises(DataError, match=r"could not start: .*Not a directory"):
        download_cifar10()


@pytest.mark.slow
def test_failed_download_is_told_and_leaves_no_data_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens
    with pytest.raises(DataError, match=r"Keras' download failed: .*Connection refused"):
        download_cifar10()
    assert not any(path.is_file() for path in (tmp_path / "keras" / "datasets").rglob("*"))
    assert capfd.readouterr() == ("", "")
