"""Tools of the `export` extra, and compilers; a missing one is one line that says how to get it."""

from importlib.util import find_spec

from search.exporters.c.host import find_tool
from spaces.errors import ExportError

_MODULES: dict[str, tuple[str, ...]] = {
    "tflite": ("ai_edge_litert",),
    "qonnx": ("onnx", "qonnx"),
    "hls4ml": ("hls4ml",),
}
_PROGRAMS: dict[str, tuple[str, ...]] = {"c": ("gcc",)}  # named as their Debian packages


def require_tools(format_name: str) -> None:
    """Check that what a format needs beyond the service's own packages is there.

    Raises:
        ExportError: it is not; the message names the extra, or the Debian package.
    """
    for program in _PROGRAMS.get(format_name, ()):
        find_tool(program, program)
    missing = [module for module in _MODULES.get(format_name, ()) if find_spec(module) is None]
    if missing:
        raise ExportError(
            f"--format {format_name} needs {', '.join(missing)}, not installed here; pip install 'cosearch[export]' "
            "(or -e '.[export]' in the project's folder), or leave the format out."
        )
