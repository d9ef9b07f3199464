"""Where the file is that a study names as its float parent."""

from pathlib import Path

from search.data.roots import DATA_DIR_VARIABLE, search_roots
from spaces.errors import SpecError


def parent_file(named: str, data_dir: Path | None) -> Path:
    """Return the path of `parent.file`: as it is named, else below the folders of `--data-dir` and SEARCH_DATA_DIR.

    Raises:
        SpecError: it is in none of these places.
    """
    places = [Path(named).expanduser(), *(root / named for root in search_roots(data_dir))]
    for path in places:
        if path.is_file():
            return path
    raise SpecError(
        f"parent.file = {named!r} does not exist (looked for {', '.join(str(path.absolute()) for path in places)}); "
        "give the path of a Keras .h5 file with --parent, or the folder that it lies below with --data-dir or "
        f"{DATA_DIR_VARIABLE}."
    )
