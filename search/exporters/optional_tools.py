"""Tools that come with the `export` extra; a missing one is one line that says how to get it."""

from importlib.util import find_spec

from spaces.errors import ExportError


def require(*modules: str, format_name: str) -> None:
    """Check that modules can be imported.

    Raises:
        ExportError: one cannot; the message names the extra.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise ExportError(
            f"--format {format_name} needs {', '.join(missing)}, not installed here; pip install 'cosearch[export]' "
            "(or -e '.[export]' in the project's folder), or leave the format out."
        )
