"""Small data sets, and CIFAR-10 files of a few images in every published form."""

import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from search.data.dataset import RawData

SMALL = (50, 10)  # training and test images of the made CIFAR-10 files


def make_raw(**changes: Any) -> RawData:
    """Return 60 training and 12 test images of 6 x 4 pixels, 3 classes, 2 channels."""
    rng = np.random.default_rng(0)
    fields: dict[str, Any] = {
        "name": "small",
        "x_train": rng.integers(0, 256, (60, 6, 4, 2), dtype=np.uint8),
        "y_train": np.arange(60) % 3,
        "x_test": rng.integers(0, 256, (12, 6, 4, 2), dtype=np.uint8),
        "y_test": np.arange(12) % 3,
        "input_scale": 1 / 255,
        "input_range": (0.0, 1.0),
        "n_classes": 3,
        "image": True,
    }
    return RawData(**{**fields, **changes})


def make_user_data(data_dir: Path | None) -> RawData:
    """Stand in for a loader of the user's; it puts the folder into the note."""
    return make_raw(name="mine", note=str(data_dir))


def make_user_features(data_dir: Path | None) -> RawData:
    return make_raw(name="features", image=False)


def make_something_else(data_dir: Path | None) -> list[int]:
    return [1, 2]


NOT_A_FUNCTION = 3


def cifar_parts() -> dict[str, np.ndarray]:
    """Return small arrays in CIFAR-10's layout."""
    rng = np.random.default_rng(1)
    n_train, n_test = SMALL
    return {
        "x_train": rng.integers(0, 256, (n_train, 32, 32, 3), dtype=np.uint8),
        "y_train": (np.arange(n_train) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (n_test, 32, 32, 3), dtype=np.uint8),
        "y_test": (np.arange(n_test) % 10).astype(np.uint8),
    }


def write_npz(path: Path, **changes: Any) -> Path:
    parts = {**cifar_parts(), **changes}
    np.savez(path, **{name: value for name, value in parts.items() if value is not None})
    return path


def _batches() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, pixels [n, 3072] in planes and labels of the six official files."""
    parts = cifar_parts()
    train = zip(np.split(parts["x_train"], 5), np.split(parts["y_train"], 5), strict=True)
    named = [(f"data_batch_{number}", x, y) for number, (x, y) in enumerate(train, start=1)]
    named.append(("test_batch", parts["x_test"], parts["y_test"]))
    return [(name, x.transpose(0, 3, 1, 2).reshape(len(x), -1), y) for name, x, y in named]


def python2_pickle(pixels: np.ndarray, labels: np.ndarray) -> bytes:
    """Write a batch byte for byte as Python 2 did: protocol 2, byte strings, `numpy.core`, flags 0 and 1."""

    def string(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    flags = b"NNN" + number(-1) + number(-1) + b"K\x00"
    dtype = b"cnumpy\ndtype\n(" + string(b"u1") + b"K\x00K\x01tR(K\x03" + string(b"|") + flags + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + string(b"b") + b"tR"
    content = b"T" + struct.pack("<i", pixels.nbytes) + pixels.tobytes()
    state = b"(K\x01" + number(pixels.shape[0]) + number(pixels.shape[1]) + b"\x86" + dtype + b"\x89" + content + b"tb"
    listed = b"](" + b"".join(number(int(label)) for label in labels) + b"e"
    items = string(b"data") + array + state + string(b"labels") + listed + string(b"batch_label") + string(b"small")
    return b"\x80\x02}(" + items + b"u."


def python_files() -> dict[str, bytes]:
    return {name: python2_pickle(pixels, labels) for name, pixels, labels in _batches()}


def binary_files() -> dict[str, bytes]:
    """Return the binary version: for each image a label byte, then its three planes."""
    return {
        f"{name}.bin": np.concatenate([labels[:, None], pixels], axis=1).tobytes()
        for name, pixels, labels in _batches()
    }


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def write_tar(path: Path, folder: str, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path
