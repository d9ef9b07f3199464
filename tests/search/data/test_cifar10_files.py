import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.data.cifar10_files import BATCH_FORMATS, read_archive, read_folder, read_npz
from search.data.dataset import RawData
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
FORMS = pytest.mark.parametrize(("batch_format", "files"), [(PYTHON, python_files), (BINARY, binary_files)])


def assert_is_small_cifar(raw):
    parts = cifar_parts()
    assert np.array_equal(raw.x_train, parts["x_train"])
    assert np.array_equal(raw.x_test, parts["x_test"])
    assert raw.y_train.tolist() == parts["y_train"].tolist()
    assert raw.y_test.tolist() == parts["y_test"].tolist()
    assert raw.x_train.flags.c_contiguous
    assert raw.is_exact


def test_npz_is_read(tmp_path):
    assert_is_small_cifar(read_npz(write_npz(tmp_path / "cifar10.npz"), expected=SMALL))


def test_labels_in_a_column_as_keras_gives_them_are_read(tmp_path):
    columns = {name: cifar_parts()[name][:, None] for name in ("y_train", "y_test")}
    assert_is_small_cifar(read_npz(write_npz(tmp_path / "cifar10.npz", **columns), expected=SMALL))


def test_inexact_test_images_are_told(tmp_path):
    raw = read_npz(write_npz(tmp_path / "cifar10.npz", test_jpeg_idx=np.array([1, 5])), expected=SMALL)
    assert not raw.is_exact
    assert raw.note.startswith("2 of the test images were JPEG-compressed")


@FORMS
def test_folder_of_batches_is_read(tmp_path, batch_format, files):
    folder = write_folder(tmp_path / batch_format.folder, files())
    assert_is_small_cifar(read_folder(folder, batch_format, expected=SMALL))


@FORMS
def test_tar_is_read_in_place(tmp_path, batch_format, files):
    path = write_tar(tmp_path / batch_format.archives[0], batch_format.folder, files())
    assert_is_small_cifar(read_archive(path, batch_format, expected=SMALL))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("protocol", [2, 5])
def test_batches_that_python_3_pickled_are_read(tmp_path, protocol):
    files = {}
    for name, content in binary_files().items():
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, 3073)
        batch = {b"data": rows[:, 1:].copy(), b"labels": rows[:, 0].tolist()}
        files[name.removesuffix(".bin")] = pickle.dumps(batch, protocol=protocol)
    assert_is_small_cifar(read_folder(write_folder(tmp_path / "batches", files), PYTHON, expected=SMALL))


class Evil:
    def __reduce__(self):
        return (print, ("called",))


def test_pickle_that_calls_anything_else_is_refused_and_not_run(tmp_path, capsys):
    files = {**python_files(), "data_batch_3": pickle.dumps({b"data": Evil(), b"labels": []})}
    folder = write_folder(tmp_path / "batches", files)
    with pytest.raises(DataError, match=r"data_batch_3: .*wants to call builtins\.print"):
        read_folder(folder, PYTHON, expected=SMALL)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("keep", [0, 10, 2000, -1])
def test_truncated_npz_is_named(tmp_path, keep):
    path = write_npz(tmp_path / "cifar10.npz")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"cifar10\.npz: cannot be read as CIFAR-10, it is damaged or incomplete"):
        read_npz(path, expected=SMALL)


def test_damage_inside_an_npz_is_found(tmp_path):
    path = write_npz(tmp_path / "cifar10.npz")
    content = bytearray(path.read_bytes())
    content[5000] ^= 255
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar10\.npz: cannot be read .*Bad CRC-32"):
        read_npz(path, expected=SMALL)


@pytest.mark.parametrize("flag", [b"\x01", b"\x20"])
def test_npz_with_a_feature_that_is_not_supported_is_named(tmp_path, flag):
    path = write_npz(tmp_path / "cifar10.npz")
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")  # the first entry of the directory; its flags are encryption and patches
    content[entry + 8 : entry + 9] = flag
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar10\.npz: cannot be read as CIFAR-10"):
        read_npz(path, expected=SMALL)


def test_single_array_under_the_name_of_an_npz_is_refused(tmp_path):
    with (tmp_path / "cifar10.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="cannot be read as CIFAR-10"):
        read_npz(tmp_path / "cifar10.npz", expected=SMALL)


def test_pickled_objects_in_an_npz_are_refused(tmp_path):
    path = write_npz(tmp_path / "cifar10.npz", x_test=np.array([Evil()], dtype=object))
    with pytest.raises(DataError, match="allow_pickle=False"):
        read_npz(path, expected=SMALL)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"y_test": None}, "y_test is not a file in the archive; it must hold x_train, y_train, x_test and y_test"),
        ({"x_test": np.zeros((10, 32, 32, 3), dtype=np.float32)}, "x_test must be uint8"),
        ({"x_test": np.zeros((10, 3, 32, 32), dtype=np.uint8)}, r"x_test must be uint8 of shape \[n, 32, 32, 3\]"),
        ({"x_test": np.zeros((9, 32, 32, 3), dtype=np.uint8)}, "50 training and 10 test images; got 50 and 9"),
        ({"y_test": np.full(10, 10)}, r"labels must lie in 0\.\.9"),
        ({"y_test": np.zeros(9, dtype=np.int64)}, "10 integers, one for each input"),
    ],
)
def test_npz_with_other_content_is_named(tmp_path, changes, problem):
    path = write_npz(tmp_path / "cifar10.npz", **changes)
    with pytest.raises(DataError, match=rf"cifar10\.npz: .*{problem}"):
        read_npz(path, expected=SMALL)


@FORMS
def test_missing_batch_is_named(tmp_path, batch_format, files):
    some = files()
    del some[batch_format.train[3]]
    folder = write_folder(tmp_path / "batches", some)
    with pytest.raises(DataError, match=rf"{batch_format.train[3]}: .*No such file"):
        read_folder(folder, batch_format, expected=SMALL)
    path = write_tar(tmp_path / "batches.tar.gz", batch_format.folder, some)
    with pytest.raises(DataError, match=rf"{batch_format.train[3]}: .*no member"):
        read_archive(path, batch_format, expected=SMALL)


@FORMS
@pytest.mark.parametrize("keep", [0, 100, -1])
def test_truncated_batch_is_named(tmp_path, batch_format, files, keep):
    some = files()
    some[batch_format.test] = some[batch_format.test][:keep]
    folder = write_folder(tmp_path / "batches", some)
    with pytest.raises(DataError, match=rf"{batch_format.test}|must hold|test part"):
        read_folder(folder, batch_format, expected=SMALL)


def test_damage_inside_a_tar_is_found(tmp_path):
    path = write_tar(tmp_path / "cifar-10-python.tar.gz", PYTHON.folder, python_files())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz.*damaged or incomplete"):
        read_archive(path, PYTHON, expected=SMALL)


@pytest.mark.parametrize("keep", [0, 20, 3000, -1])
def test_truncated_tar_is_named(tmp_path, keep):
    path = write_tar(tmp_path / "cifar-10-python.tar.gz", PYTHON.folder, python_files())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz.*damaged or incomplete"):
        read_archive(path, PYTHON, expected=SMALL)


def test_batch_whose_pixels_are_no_bytes_is_named(tmp_path):
    batch = pickle.dumps({b"data": np.zeros((10, 3072)), b"labels": [0] * 10})
    folder = write_folder(tmp_path / "batches", {**python_files(), "test_batch": batch})
    with pytest.raises(DataError, match=r"test_batch: .*pixels must be uint8; got 'f8'"):
        read_folder(folder, PYTHON, expected=SMALL)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 250), st.integers(0, 255))
def test_any_damage_to_a_pickle_is_an_error_of_the_data(tmp_path, position, value):
    folder = tmp_path / "batches"
    if not folder.exists():
        write_folder(folder, python_files())
    content = bytearray(python_files()["test_batch"])
    content[position] = value
    (folder / "test_batch").write_bytes(content)
    try:
        raw = read_folder(folder, PYTHON, expected=SMALL)
    except DataError:
        return
    assert isinstance(raw, RawData)  # the damage hit a name that is not used, or changed nothing
