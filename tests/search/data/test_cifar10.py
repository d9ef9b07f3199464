import os
from pathlib import Path

import numpy as np
import pytest

from search.data import cifar10
from search.data.cifar10 import load_cifar10
from search.data.cifar10_files import BATCH_FORMATS
from search.data.roots import search_roots
from search.data.splits import split
from spaces.errors import DataError
from tests.search.data.builders import (
    SMALL,
    binary_files,
    cifar_parts,
    python_files,
    write_folder,
    write_npz,
    write_tar,
)

PYTHON, BINARY = BATCH_FORMATS


def never(folder):
    raise AssertionError("the download was not to be reached")


def no_network(folder):
    raise DataError("the archive could not be downloaded: no route to host.")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Return empty folders for --data-dir, SEARCH_DATA_DIR and Keras' data sets."""
    folders = {name: tmp_path / name for name in ("flag", "variable", "keras/datasets")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    monkeypatch.setenv("SEARCH_DATA_DIR", str(folders["variable"]))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return folders


def load(places, download=never):
    return load_cifar10(places["flag"], expected=SMALL, published={}, download=download)


def marked_npz(folder: Path, mark: int) -> None:
    write_npz(folder / "cifar10.npz", x_test=np.full((SMALL[1], 32, 32, 3), mark, dtype=np.uint8))


def test_roots_are_the_flag_then_the_variable(monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", "/b")
    assert search_roots(Path("/a")) == [Path("/a"), Path("/b")]
    assert search_roots(None) == [Path("/b")]


def test_empty_variable_is_no_root(monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", "")
    assert search_roots(None) == []


def test_same_folder_twice_is_one_root(monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", "/a")
    assert search_roots(Path("/a")) == [Path("/a")]


def test_flag_goes_before_the_variable(places):
    marked_npz(places["flag"], 1)
    marked_npz(places["variable"], 2)
    assert load(places).x_test.max() == 1


def test_variable_goes_before_the_cache(places):
    marked_npz(places["variable"], 2)
    write_folder(places["keras/datasets"] / PYTHON.folder, python_files())
    assert load(places).x_test.max() == 2


@pytest.mark.parametrize("inside", ["", "cifar-10-batches-py-target"])
def test_cache_goes_before_the_download(places, inside):
    write_folder(places["keras/datasets"] / inside / PYTHON.folder, python_files())
    assert np.array_equal(load(places).x_test, cifar_parts()["x_test"])


def test_download_is_unpacked_into_the_cache_and_read_from_there_ever_after(places):
    def download(folder):
        archive = folder / PYTHON.archives[0]
        write_tar(archive, PYTHON.folder, python_files())
        return archive

    assert np.array_equal(load(places, download).x_train, cifar_parts()["x_train"])
    assert np.array_equal(load(places).x_train, cifar_parts()["x_train"])


def test_published_archive_is_fetched_into_the_cache(places, monkeypatch):
    asked = []

    def fetch(published, folder):
        asked.append((published.name, folder))
        write_tar(folder / published.name, PYTHON.folder, python_files())
        return folder / published.name

    monkeypatch.setattr(cifar10, "fetch", fetch)
    raw = load_cifar10(places["flag"], expected=SMALL)
    assert np.array_equal(raw.x_test, cifar_parts()["x_test"])
    assert asked == [("cifar-10-python.tar.gz", places["keras/datasets"])]


@pytest.mark.parametrize(
    ("batch_format", "files", "where"),
    [
        (PYTHON, python_files, PYTHON.folder),
        (BINARY, binary_files, BINARY.folder),
        (PYTHON, python_files, "."),
    ],
)
def test_every_official_folder_is_found(places, batch_format, files, where):
    for name, content in files().items():
        (places["flag"] / where).mkdir(exist_ok=True)
        (places["flag"] / where / name).write_bytes(content)
    assert np.array_equal(load(places).x_test, cifar_parts()["x_test"])


@pytest.mark.parametrize(("batch_format", "files"), [(PYTHON, python_files), (BINARY, binary_files)])
def test_every_official_tar_is_found(places, batch_format, files):
    write_tar(places["flag"] / batch_format.archives[0], batch_format.folder, files())
    assert np.array_equal(load(places).x_test, cifar_parts()["x_test"])


@pytest.mark.parametrize(("batch_format", "files"), [(PYTHON, python_files), (BINARY, binary_files)])
def test_own_archive_must_be_the_published_one(places, batch_format, files):
    name = batch_format.archives[0]
    write_tar(places["flag"] / name, batch_format.folder, files())
    with pytest.raises(DataError, match=rf"flag/{name} is not the published file: it has .*kriz/{name} has 170,"):
        load_cifar10(places["flag"], expected=SMALL, download=never)


def test_missing_data_tell_what_was_tried_and_where_to_put_what(places):
    with pytest.raises(DataError) as caught:
        load(places, no_network)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    for part in (
        *(str(folder) for folder in places.values()),
        "could not be downloaded: no route to host",
        "Put cifar-10-python.tar.gz",
        "cifar10.npz",
        "--data-dir",
        "SEARCH_DATA_DIR",
        "--data synthetic",
    ):
        assert part in message


def test_missing_flag_variable_and_folder_are_told(tmp_path, monkeypatch):
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"--data-dir \(not given\); SEARCH_DATA_DIR \(not set\); .*\(no such folder\)"):
        load_cifar10(None, expected=SMALL, download=no_network)


def test_download_without_the_batches_is_told(places):
    def download(folder):
        write_tar(folder / PYTHON.archives[0], "elsewhere", python_files())
        return folder / PYTHON.archives[0]

    with pytest.raises(DataError, match=r"cifar-10-batches-py"):
        load(places, download)


def test_damaged_file_is_an_error_and_not_passed_over(places):
    (places["flag"] / "cifar10.npz").write_bytes(b"half a file")
    marked_npz(places["variable"], 2)
    with pytest.raises(DataError, match=r"flag/cifar10\.npz: cannot be read"):
        load(places)


def test_part_of_a_download_in_the_cache_is_not_taken_for_the_data(places, caplog):
    path = places["keras/datasets"] / PYTHON.archives[1]
    write_tar(path, PYTHON.folder, python_files())
    with pytest.raises(DataError, match="CIFAR-10 was not found"):
        load(places, no_network)
    assert "is not the published file" in caplog.text


def test_whole_archive_in_the_cache_is_read(places, monkeypatch):
    monkeypatch.setattr(cifar10, "is_published", lambda *_: True)
    write_tar(places["keras/datasets"] / PYTHON.archives[1], PYTHON.folder, python_files())
    assert np.array_equal(load(places).x_test, cifar_parts()["x_test"])


def test_every_form_gives_the_same_fingerprint(tmp_path, monkeypatch):
    monkeypatch.delenv("SEARCH_DATA_DIR", raising=False)
    write_npz(_folder(tmp_path / "a") / "cifar10.npz")
    write_tar(_folder(tmp_path / "b") / PYTHON.archives[0], PYTHON.folder, python_files())
    write_folder(tmp_path / "c" / BINARY.folder, binary_files())
    found = {
        split(
            load_cifar10(tmp_path / name, expected=SMALL, published={}, download=never),
            validation_examples=20,
            attack_examples=10,
            seed=1,
        ).fingerprint
        for name in "abc"
    }
    assert len(found) == 1


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.realdata
@pytest.mark.skipif(not os.environ.get("SEARCH_DATA_DIR"), reason="SEARCH_DATA_DIR is not set")
def test_real_images_are_the_published_ones():
    raw = load_cifar10(None, download=never)
    assert (raw.x_train.shape, raw.x_test.shape) == ((50_000, 32, 32, 3), (10_000, 32, 32, 3))
    # Known of CIFAR-10: balanced classes, the first labels, and the training mean of each channel.
    assert np.bincount(raw.y_train).tolist() == [5000] * 10
    assert np.bincount(raw.y_test).tolist() == [1000] * 10
    assert raw.y_train[:5].tolist() == [6, 9, 9, 4, 1]
    assert raw.y_test[:5].tolist() == [3, 8, 8, 0, 6]
    means = raw.x_train.reshape(-1, 3).mean(axis=0) / 255
    assert means.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    data = split(raw, validation_examples=5000, attack_examples=256, seed=1)
    assert np.bincount(data.validation.y).tolist() == [500] * 10
    assert set(np.bincount(data.attack.y).tolist()) == {25, 26}
