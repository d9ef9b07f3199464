"""Keras files are read with a closed list of classes."""

import warnings
from pathlib import Path

import pytest

from search.models.quantize import load_qkeras
from search.runtime import tf
from spaces.errors import ArtifactError


def test_a_file_with_code_in_it_is_not_loaded(tmp_path: Path) -> None:
    inputs = tf.keras.Input((2,))
    model = tf.keras.Model(inputs, tf.keras.layers.Lambda(lambda x: x + 1)(inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.save(str(tmp_path / "model.h5"))
    with pytest.raises(ArtifactError, match=r"model\.h5 holds Lambda; a model of this service holds only"):
        load_qkeras(tmp_path / "model.h5")


def test_what_is_no_keras_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"no HDF5")
    with pytest.raises(ArtifactError, match=r"is no Keras \.h5 model"):
        load_qkeras(tmp_path / "model.h5")
