"""Keras' cache of data sets, in which downloads are kept."""

import os
from pathlib import Path


def keras_datasets_folder() -> Path:
    """Return the folder in which Keras keeps data sets, whether it exists or not; KERAS_HOME is respected."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".keras") / "datasets"
