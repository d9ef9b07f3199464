"""A study that a machine runs in seconds, and the command line as a user runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TRIALS = 7
GUARD_S = 1800.0  # longer than any machine takes; what is waited for so long does not come
TINY = f"""
name = "tiny"
seed = 3
constraints = ["clean_accuracy >= 0.3"]
objectives = [
    {{ name = "clean_accuracy", reference = 0.1 }},
    {{ name = "robust_accuracy", reference = 0.0 }},
    {{ name = "size_bytes", reference = 12000 }},
]
[data]
name = "digits"
validation_examples = 300
attack_examples = 40
[topology]
name = "digits_cnn"
width = [0.25]
[layers]
weight_bits = [2, 4, 8]
activation_bits = [3, 8]
jr_weight = [0.0, 1e-2]
[training]
epochs = 1
batch_size = 64
learning_rate = [3e-3]
[parent]
epochs = 3
learning_rate = 1e-2
batch_size = 64
[robustness]
epsilons = [0.02, 0.1]
pgd_steps = 2
[budget]
trials = {TRIALS}
"""


def write_tiny(folder: Path, changes: Mapping[str, str] | None = None, *, name: str = "tiny.toml") -> Path:
    """Write the study file with some of its lines replaced; every line to replace must be there."""
    text = TINY
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return path


def clean_environment(**changes: str) -> dict[str, str]:
    """Return the environment without what would redirect the service or colour its output."""
    dropped = ("SEARCH_STORAGE", "SEARCH_DATA_DIR", "TF_CPP_MIN_LOG_LEVEL", "FORCE_COLOR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, **changes}


def search_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "search", *arguments]


def run_search(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end in a folder."""
    return subprocess.run(
        search_command(*arguments),
        cwd=folder,
        env=clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD_S,
    )
