"""Reading a pickled CIFAR-10 batch without running anything that the pickle names, NumPy included.

A pickle may call whatever it names, and NumPy's own hooks trust it: a damaged batch can set flags of the one uint8
type that the whole process shares. So arrays are rebuilt here, from the few values that describe them.
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_pickled_batch(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.generic]]:
    """Return pixels [n, 3072] and labels [n] of an official Python batch, pickled by Python 2 or 3.

    Raises:
        ValueError: the pickle is damaged or is no batch; a damaged one may raise any other error of `PICKLE_ERRORS`.
    """
    batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= batch.keys():
        raise ValueError("it holds no dictionary with data and labels")
    if not isinstance(batch[b"data"], _PickledArray) or not isinstance(batch[b"labels"], list):
        raise ValueError("data must be an array and labels a list")
    return batch[b"data"].to_array(), np.array(batch[b"labels"])


# What `pickle` documents, and what it raises on damaged bytes besides.
PICKLE_ERRORS = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ImportError,
    OverflowError,
    MemoryError,
)


class _PickledType:
    """Stands in for `numpy.dtype`."""

    def __init__(self, code: Any = None, *_flags: Any) -> None:
        self.code = code.decode() if isinstance(code, bytes) else code

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like: one byte has none."""


class _PickledArray:
    """Stands in for `numpy.ndarray`; holds what an array's pickle tells."""

    def __init__(self, *_arguments: Any) -> None:
        self.state: tuple[Any, Any, Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, element_type, is_fortran, content = state
        if is_fortran:
            raise ValueError("the array is stored column by column, which no CIFAR-10 batch is")
        self.state = (shape, element_type, content)

    def to_array(self) -> NDArray[np.uint8]:
        """Return the array that the pickle describes."""
        if self.state is None:
            raise ValueError("an array has no content")
        shape, element_type, content = self.state
        if not isinstance(element_type, _PickledType) or element_type.code not in ("u1", "|u1", "uint8"):
            code = element_type.code if isinstance(element_type, _PickledType) else element_type
            raise ValueError(f"pixels must be uint8; got {code!r}")
        return np.frombuffer(bytes(content), dtype=np.uint8).reshape(shape)


def _reconstruct(*_arguments: Any) -> _PickledArray:
    return _PickledArray()


def _from_buffer(content: Any, element_type: Any, shape: Any, order: Any) -> _PickledArray:
    array = _PickledArray()
    array.__setstate__((1, shape, element_type, order != "C", content))
    return array


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", b"latin1"):
        raise ValueError(f"bytes are kept as latin1; got {encoding!r}")
    return text.encode("latin1")


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy", "dtype"): _PickledType,
    ("_codecs", "encode"): _encode,
}


class _BatchUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for what an array's pickle names, and nothing else."""
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it wants to call {module}.{name}, which no CIFAR-10 batch needs")
        return _STAND_INS[module, name]
