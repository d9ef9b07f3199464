"""SVHN from small files in the official formats."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from search.data import svhn
from search.data.svhn import PUBLISHED, load_svhn
from search.data.svhn_files import MAT_FILES, read_mat, read_npz
from spaces.errors import DataError

SMALL = (30, 20)


def digits(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), np.arange(n) % 10


def write_mat(folder: Path, *, labels: np.ndarray | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, n, seed in zip(MAT_FILES, SMALL, (0, 1), strict=True):
        x, y = digits(n, seed)
        official = np.where(y == 0, 10, y).astype(np.uint8)[:, np.newaxis]
        savemat(folder / name, {"X": x.transpose(1, 2, 3, 0), "y": official if labels is None else labels})
    return folder


def write_npz(folder: Path) -> Path:
    (x_train, y_train), (x_test, y_test) = digits(SMALL[0], 2), digits(SMALL[1], 3)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "svhn.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("SEARCH_DATA_DIR", str(tmp_path / "variable"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return {"flag": tmp_path / "flag", "variable": tmp_path / "variable", "cache": tmp_path / "keras/datasets/svhn"}


def never(_):
    raise AssertionError("the download was not to be reached")


def load(places, download=never):
    return load_svhn(places["flag"], published=(), download=download)


def test_official_files_are_read_with_ten_as_zero(tmp_path):
    raw = read_mat(write_mat(tmp_path), is_exact=True)
    for part, n, seed in (("train", SMALL[0], 0), ("test", SMALL[1], 1)):
        x, y = digits(n, seed)
        assert np.array_equal(getattr(raw, f"x_{part}"), x)
        assert getattr(raw, f"y_{part}").tolist() == y.tolist()
    assert (raw.name, raw.is_exact, raw.note) == ("svhn", True, "")


def test_npz_says_how_much_of_svhn_it_is(tmp_path):
    raw = read_npz(write_npz(tmp_path) / "svhn.npz")
    assert (raw.note, raw.is_exact) == ("a 50-digit part of SVHN, not the official split", False)


def test_first_place_counts_and_official_files_come_before_the_part(places):
    write_npz(places["variable"])
    assert load(places).note
    write_mat(places["variable"])
    assert not load(places).note
    write_npz(places["flag"] / "svhn")
    assert load(places).note


def test_what_is_missing_is_downloaded_into_the_cache(places):
    raw = load(places, download=write_mat)
    assert len(raw.x_train) == SMALL[0]
    assert sorted(path.name for path in places["cache"].iterdir()) == sorted(MAT_FILES)
    assert len(load(places).x_train) == SMALL[0]


def test_both_official_files_are_fetched(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(svhn, "fetch", lambda published, folder: fetched.append((published.url, folder)))
    svhn.download_svhn(tmp_path)
    web = "http://ufldl.stanford.edu/housenumbers"
    assert fetched == [(f"{web}/train_32x32.mat", tmp_path), (f"{web}/test_32x32.mat", tmp_path)]
    assert [published.name for published in PUBLISHED] == list(MAT_FILES)


def test_nowhere_says_what_was_tried(places):
    def no_network(_):
        raise DataError("no network.")

    with pytest.raises(
        DataError, match=rf"SVHN was not found\. Tried: {places['flag']} .*no network\. Put train_32x32"
    ):
        load(places, download=no_network)


def test_files_that_are_not_the_published_ones_are_refused_before_they_are_parsed(places):
    (write_mat(places["flag"]) / MAT_FILES[0]).write_bytes(b"SciPy must not see this")
    with pytest.raises(DataError, match=r"train_32x32\.mat is not the published file: it has 23 bytes, .* 182,040,794"):
        load_svhn(places["flag"], download=never)


@pytest.mark.parametrize("label", [0, 11])
def test_labels_out_of_range_are_refused(tmp_path, label):
    with pytest.raises(DataError, match=r"labels must lie in 1\.\.10"):
        read_mat(write_mat(tmp_path, labels=np.full(SMALL[0], label)), is_exact=True)


@pytest.mark.parametrize("labels", [["a"] * SMALL[0], np.full(SMALL[0], 1.5)])
def test_labels_that_are_no_whole_numbers_are_told_by_file(tmp_path, labels):
    with pytest.raises(DataError, match=rf"{MAT_FILES[0]}: y must hold whole numbers; got"):
        read_mat(write_mat(tmp_path, labels=np.array(labels)), is_exact=True)


def test_npz_with_a_number_for_labels_is_told(tmp_path):
    path = write_npz(tmp_path) / "svhn.npz"
    with np.load(path) as archive:
        arrays = {**archive, "y_train": np.array(3)}
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=r"svhn\.npz: .*labels"):
        read_npz(path)


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_cut_file_is_told_by_name(tmp_path, kept):
    path = write_mat(tmp_path) / MAT_FILES[0]
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=rf"{MAT_FILES[0]}: cannot be read as SVHN"):
        read_mat(tmp_path, is_exact=True)


def test_file_of_another_version_of_the_format_is_told_by_name(tmp_path):
    path = write_mat(tmp_path) / MAT_FILES[0]
    path.write_bytes(path.read_bytes()[:124] + b"\x00\x02" + path.read_bytes()[126:])
    with pytest.raises(DataError, match=rf"{MAT_FILES[0]}: cannot be read as SVHN"):
        read_mat(tmp_path, is_exact=True)


def test_file_without_images_is_told(tmp_path):
    write_mat(tmp_path)
    savemat(tmp_path / MAT_FILES[1], {"y": np.ones(3)})
    with pytest.raises(DataError, match="it must hold X and y; it has no 'X'"):
        read_mat(tmp_path, is_exact=True)


def test_damaged_npz_is_told(tmp_path):
    (tmp_path / "svhn.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match=r"svhn\.npz: cannot be read as SVHN"):
        read_npz(tmp_path / "svhn.npz")
