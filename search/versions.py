"""The versions that figures depend on: those of a study, and those of the tools that write its exports."""

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("cosearch", "tensorflow", "tf-keras", "qkeras", "optuna", "sqlalchemy", "numpy")
_EXPORT_PACKAGES = ("ai-edge-litert", "onnx", "qonnx", "hls4ml")


def installed_versions() -> dict[str, str]:
    """Return package -> version."""
    return {name: _version(name) for name in _PACKAGES}


def export_versions() -> dict[str, str]:
    """Return package -> version, with the tools of the `export` extra."""
    return {name: _version(name) for name in _PACKAGES + _EXPORT_PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
