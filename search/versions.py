"""The versions that a study's figures depend on."""

from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("cosearch", "tensorflow", "tf-keras", "qkeras", "optuna", "sqlalchemy", "numpy")


def installed_versions() -> dict[str, str]:
    """Return package -> version."""
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
