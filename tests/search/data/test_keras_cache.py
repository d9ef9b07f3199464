from pathlib import Path

from search.data.keras_cache import keras_datasets_folder


def test_cache_is_in_the_home_folder(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert keras_datasets_folder() == Path.home() / ".keras" / "datasets"


def test_keras_home_is_respected(monkeypatch):
    monkeypatch.setenv("KERAS_HOME", "/elsewhere")
    assert keras_datasets_folder() == Path("/elsewhere/datasets")
