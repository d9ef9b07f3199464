"""Whether TensorFlow, legacy Keras and QKeras can be imported together, tried in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence

from search.health.finding import Finding, Status

_WHAT = "tensorflow import"
_TIMEOUT_S = 180
# A processor that TensorFlow was not built for kills the process that imports it.
_TRIAL = """
from search.runtime import tf
import search.models.quantize
print(tf.__version__, tf.keras.Model.__module__.partition(".")[0])
"""
_LEGACY = "tf_keras"


def tensorflow_finding(command: Sequence[str] = (sys.executable, "-c", _TRIAL)) -> Finding:
    """Return whether a process that imports all three ends well; takes some seconds.

    Args:
        command: prints TensorFlow's version and the package that its Keras comes from.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return _problem(f"not imported after {_TIMEOUT_S} s", "look whether the machine is out of memory")
    if done.returncode < 0:
        text = f"the import was killed by signal {-done.returncode}"
        return _problem(text, "a processor without AVX cannot run TensorFlow's packages, and too little memory neither")
    if done.returncode > 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return _problem(lines[-1], "install the versions above; in a new virtual environment: pip install -e .")
    tensorflow, keras = done.stdout.split()[-2:]
    if keras != _LEGACY:
        text = f"TensorFlow {tensorflow} takes its Keras from {keras!r}, QKeras needs {_LEGACY!r}"
        return _problem(text, "pip install tf-keras; TF_USE_LEGACY_KERAS must not be set to anything but 1")
    return Finding(what=_WHAT, status=Status.OK, text=f"TensorFlow {tensorflow} with legacy Keras and QKeras")


def _problem(text: str, advice: str) -> Finding:
    return Finding(what=_WHAT, status=Status.PROBLEM, text=text, advice=advice)
