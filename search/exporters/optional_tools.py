"""Tools that come with the `export` extra; a missing one is one line that says how to get it."""

from importlib.util import find_spec

from spaces.errors import ExportError

_MODULES: dict[str, tuple[str, ...]] = {
    "tflite": ("ai_edge_litert",),
    "qonnx": ("onnx", "qonnx"),
    "hls4ml": ("hls4ml",),
}


def require_tools(format_name: str) -> None:
    """Check that what a format needs beyond the service's own packages can be imported.

    Raises:
        ExportError: it cannot; the message names the extra.
    """
    missing = [module for module in _MODULES.get(format_name, ()) if find_spec(module) is None]
    if missing:
        raise ExportError(
            f"--format {format_name} needs {', '.join(missing)}, not installed here; pip install 'cosearch[export]' "
            "(or -e '.[export]' in the project's folder), or leave the format out."
        )
