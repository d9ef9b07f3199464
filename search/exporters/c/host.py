"""Compiling and running the generated C on this machine."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.exporters.c.program import Program
from spaces.errors import ExportError

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror")
SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
Codes = NDArray[np.uint8]


class MissingToolError(ExportError):
    """A program that an export needs is not installed."""


def runtime_source(name: str) -> str:
    """Return a file of `runtime/`."""
    return (files("search.exporters.c") / "runtime" / name).read_text(encoding="utf-8")


def find_tool(name: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        MissingToolError: it is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise MissingToolError(f"the C export needs {name}, which was not found; install it (Debian: {package}).")
    return path


def run_tool(command: Sequence[str], *, what: str, stdin: bytes = b"", timeout_s: float | None = None) -> bytes:
    """Run a program and return what it wrote.

    Raises:
        ExportError: it failed or did not end in time.
    """
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise ExportError(f"{what} did not end within {timeout_s:g} seconds.") from None
    if done.returncode != 0:
        text = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise ExportError(f"{what} failed with exit code {done.returncode}: {text[-2000:]}")
    return done.stdout


class HostProgram:
    """The generated C, compiled with its tracing main program; a context manager that removes the executable."""

    def __init__(self, folder: Path, program: Program, *, flags: Sequence[str] = ()) -> None:
        """Compile.

        Args:
            folder: of `model.c` and the kernels.
            program: what they were generated from.
            flags: beside the strict ones; `SANITIZERS` or none.

        Raises:
            ExportError: there is no compiler, or it refused the source.
        """
        compiler = find_tool("gcc", "gcc")
        self._program = program
        self._scratch = tempfile.TemporaryDirectory(prefix="c-export-")
        self._executable = Path(self._scratch.name) / "run"
        trace = Path(self._scratch.name) / "trace.c"
        trace.write_text(runtime_source("trace.c"), encoding="utf-8")
        sources = (str(trace), str(folder / "nn_kernels.c"))
        command = (compiler, *STRICT, "-O3", *flags, f"-I{folder}", "-o", str(self._executable), *sources)
        try:
            run_tool(command, what="gcc on the generated C")
        except ExportError:
            self._scratch.cleanup()
            raise

    def __enter__(self) -> "HostProgram":
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def logits(self, codes: Codes) -> NDArray[np.int32]:
        """Return logits in units of the last step for input codes [n, ...].  # [n, n_classes]"""
        output = self._run(codes)
        return np.frombuffer(output, "<i4").reshape(len(codes), self._program.n_classes)

    def stored(self, codes: Codes, expected: Mapping[str, Codes]) -> dict[str, NDArray[np.int32]]:
        """Return what every step stored, each step on inputs that are right.

        Args:
            codes: inputs.  # [n, ...]
            expected: activation -> codes that stand in its place for the steps after it.  # [n, ...]

        Returns:
            Stored node -> codes or sums.  # [n, height, width, channels]
        """
        parts = [codes, *(expected[step.output] for step in self._program.steps if step.max_code is not None)]
        stream = np.concatenate([part.reshape(len(codes), -1) for part in parts], axis=1)
        output = np.frombuffer(self._run(stream, "trace"), np.uint8).reshape(len(codes), -1)
        found, at = {}, 0
        for step in self._program.steps:
            kind = np.dtype("<i4" if step.max_code is None else np.uint8)
            size = int(np.prod(step.shape)) * kind.itemsize
            values = np.ascontiguousarray(output[:, at : at + size]).view(kind)
            found[step.output] = values.reshape(len(codes), *step.shape).astype(np.int32)
            at += size
        return found

    def _run(self, codes: Codes, *arguments: str) -> bytes:
        command = (str(self._executable), *arguments)
        return run_tool(command, what="the generated C", stdin=np.ascontiguousarray(codes).tobytes())
