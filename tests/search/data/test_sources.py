import subprocess
import sys
from pathlib import Path

import pytest

from search.data.sources import SOURCES, find_source, load_raw
from spaces.errors import DataError, SpecError
from spaces.study_spec import DataSpec
from tests.search.data.builders import write_npz

HERE = "tests.search.data.builders"


def user_data(function, **changes):
    return DataSpec(loader=f"{HERE}:{function}", validation_examples=10, attack_examples=5, **changes)


def digits(**changes):
    return DataSpec(name="digits", validation_examples=300, attack_examples=200, **changes)


def test_digits_are_what_their_source_says():
    raw, source = load_raw(digits()), SOURCES["digits"]
    assert raw.x_train.shape[1:] == source.input_shape
    assert (raw.input_range, raw.image, raw.n_classes) == (source.input_range, source.image, source.n_classes)


def test_source_is_known_without_loading():
    source = find_source(DataSpec(name="cifar10"))
    assert source is not None
    assert (source.input_range, source.input_shape) == ((0.0, 1.0), (32, 32, 3))


def test_nothing_is_known_of_a_users_data_before_loading():
    assert find_source(user_data("make_user_data")) is None


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(
        SpecError, match=r"data\.name = 'cifar100' is no data set of the service; known: digits, cifar10"
    ):
        load_raw(DataSpec(name="cifar100"))


def test_users_loader_is_handed_the_folder():
    assert load_raw(user_data("make_user_data"), data_dir=Path("somewhere")).note == "somewhere"


def test_loader_that_returns_something_else_is_refused():
    with pytest.raises(SpecError, match=r"data\.loader = '.*:make_something_else' must return .*RawData; got list"):
        load_raw(user_data("make_something_else"))


def test_loader_that_cannot_be_imported_is_refused():
    with pytest.raises(SpecError, match=r"data\.loader = 'no_such_module:load' cannot be imported"):
        load_raw(DataSpec(loader="no_such_module:load"))


@pytest.mark.parametrize(("key", "value"), [("flip", True), ("shift_pixels", 2)])
def test_flips_and_shifts_are_for_images(key, value):
    with pytest.raises(SpecError, match=rf"data\.{key} = {value} is for images"):
        load_raw(user_data("make_user_features", **{key: value}))


@pytest.mark.parametrize("name", [name for name, source in SOURCES.items() if source.image])
def test_drawn_images_stand_in_for_every_source_of_images(name):
    raw = load_raw(DataSpec(name=name, validation_examples=50, attack_examples=20), synthetic=True)
    assert raw.is_synthetic
    assert raw.x_train.shape[1:] == SOURCES[name].input_shape
    assert raw.name == f"synthetic-{name}"


def test_drawn_images_cannot_stand_in_for_recordings():
    with pytest.raises(SpecError, match=r"--data synthetic draws images; data\.name = 'speech_commands' has none"):
        load_raw(DataSpec(name="speech_commands"), synthetic=True)


def test_drawn_images_cannot_stand_in_for_a_users_data():
    with pytest.raises(SpecError, match=r"data\.loader = '.*' does not tell a shape"):
        load_raw(user_data("make_user_data"), synthetic=True)


def test_missing_data_never_become_other_data(tmp_path, monkeypatch):
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr("search.data.cifar10.fetch", _no_network)
    with pytest.raises(DataError, match="CIFAR-10 was not found"):
        load_raw(DataSpec(name="cifar10"), data_dir=tmp_path)


def _no_network(published, folder):
    raise DataError(f"{published.url} could not be downloaded.")


def test_small_file_under_the_official_name_is_refused(tmp_path):
    write_npz(tmp_path / "cifar10.npz")
    with pytest.raises(DataError, match=r"cifar10\.npz: must hold 50000 training and 10000 test images; got 50 and 10"):
        load_raw(DataSpec(name="cifar10"), data_dir=tmp_path)


def test_importing_the_sources_loads_no_heavy_library():
    heavy = {"tensorflow", "tf_keras", "sklearn", "scipy", "soundfile"}
    code = f"import sys, search.data.sources; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
