"""Python and the packages, held against the bounds that this package was installed with."""

import platform
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from search.health.finding import Finding, Status

_DISTRIBUTION = "cosearch"


def package_findings(distribution: str = _DISTRIBUTION) -> list[Finding]:
    """Return a finding for Python and for every package that the installed distribution needs."""
    try:
        declared = [Requirement(text) for text in requires(distribution) or ()]
    except PackageNotFoundError:
        text = f"{distribution} is not installed, so nothing tells which versions it needs"
        advice = "pip install -e . in the folder of its pyproject.toml"
        return [Finding(what=distribution, status=Status.WARNING, text=text, advice=advice)]
    needed = [item for item in declared if item.marker is None or item.marker.evaluate({"extra": ""})]
    bounds = SpecifierSet(metadata(distribution)["Requires-Python"] or "")
    return [python_finding(platform.python_version(), bounds), *(requirement_finding(item) for item in needed)]


def python_finding(running: str, bounds: SpecifierSet) -> Finding:
    """Return whether a version of Python lies within bounds."""
    if bounds.contains(running, prereleases=True):
        return Finding(what="python", status=Status.OK, text=f"{running} ({bounds})")
    advice = f"make a virtual environment with a Python {bounds}"
    return Finding(what="python", status=Status.PROBLEM, text=f"{running}, but needed is {bounds}", advice=advice)


def requirement_finding(requirement: Requirement) -> Finding:
    """Return whether a package is installed in a version that its bounds allow."""
    bounds = str(requirement.specifier) or "any version"
    advice = f"pip install '{requirement.name}{requirement.specifier}'"
    installed = installed_version(requirement.name)
    if installed is None:
        text = f"not installed, needed is {bounds}"
    elif requirement.specifier.contains(installed, prereleases=True):
        return Finding(what=requirement.name, status=Status.OK, text=f"{installed} ({bounds})")
    else:
        text = f"{installed}, but needed is {bounds}"
    return Finding(what=requirement.name, status=Status.PROBLEM, text=text, advice=advice)


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
