"""The target presets by name, for whoever offers them without reading one."""

from pathlib import Path

TARGET_PRESETS = Path(__file__).parent / "targets"


def target_names() -> list[str]:
    """Return the names that `load_target` knows without a file."""
    return sorted(path.stem for path in TARGET_PRESETS.glob("*.toml"))
