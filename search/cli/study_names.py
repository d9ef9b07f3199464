"""Which stored study `--study` means: its name, or that in a study file."""

from spaces.spec_files import load_spec


def study_name(study: str) -> str:
    """Return the name of a stored study from the name itself or from the path of its TOML file.

    Raises:
        SpecError: the file does not exist or does not hold.
    """
    is_file = study.endswith(".toml") or "/" in study  # as `load_spec` tells a file from a preset
    return load_spec(study).name if is_file else study
