"""The folders in which a user keeps data."""

import os
from pathlib import Path

DATA_DIR_VARIABLE = "SEARCH_DATA_DIR"


def search_roots(data_dir: Path | None) -> list[Path]:
    """Return the folders to look in, first to last: `--data-dir`, then SEARCH_DATA_DIR; they need not exist."""
    named = os.environ.get(DATA_DIR_VARIABLE)
    roots = [data_dir, Path(named) if named else None]
    return list(dict.fromkeys(root.expanduser() for root in roots if root is not None))
