"""Where the file is that a study names as its float parent."""

from pathlib import Path

from search.data.roots import DATA_DIR_VARIABLE, search_roots
from spaces.errors import SpecError


def parent_file(named: str) -> Path:
    """Return the path of `parent.file`: as it is named, else below the folder that SEARCH_DATA_DIR names.

    Raises:
        SpecError: it is in neither place.
    """
    places = [Path(named).expanduser(), *(root / named for root in search_roots(None))]
    for path in places:
        if path.is_file():
            return path
    raise SpecError(
        f"parent.file = {named!r} does not exist (looked for {', '.join(str(path.absolute()) for path in places)}); "
        f"give the path of a Keras .h5 file with --parent, or set {DATA_DIR_VARIABLE} to the folder that it lies below."
    )
