"""Processors, threads, and the tools that only some tasks need."""

import os
import shutil
from collections.abc import Mapping

from search.health.finding import Finding, Status
from search.health.packages import installed_version
from search.threads import THREAD_VARIABLES, bound_cpus, cpu_quota

_INTRAOP = "TF_NUM_INTRAOP_THREADS"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# what -> the package, what it is for, how to get it
_OPTIONAL = {
    "psycopg": ("psycopg", "PostgreSQL", "pip install 'cosearch[postgres]'"),
    "ART": ("adversarial-robustness-toolbox", "the attacks from ART in `audit`", "pip install 'cosearch[audit]'"),
    "ray": ("ray", "workers on a Ray cluster", "pip install 'cosearch[ray]'"),
}


def thread_finding(
    environment: Mapping[str, str] = os.environ, *, n_cpus: int | None = None, quota: float | None = None
) -> Finding:
    """Return whether the threads of a worker fit the processors.

    Args:
        environment: whose variables count.
        n_cpus: processors that the process is bound to; None for this one's.
        quota: of the container in processors, infinity without one; None for this one's.
    """
    n_cpus, quota = bound_cpus() if n_cpus is None else n_cpus, cpu_quota() if quota is None else quota
    stated = {name: environment[name] for name in THREAD_VARIABLES if environment.get(name)}
    odd = [f"{name}={value}" for name, value in stated.items() if not value.isdecimal() or int(value) == 0]
    if odd:
        text, advice = f"{', '.join(odd)}: not a number of threads", "unset it, or give `worker --threads`"
        return Finding(what="threads", status=Status.PROBLEM, text=text, advice=advice)
    n_threads, allowed = int(stated.get(_INTRAOP, n_cpus)), int(max(1, min(n_cpus, quota)))
    text = f"{allowed} processors, {n_threads} threads"
    text += f" ({', '.join(f'{name}={value}' for name, value in stated.items())})" if stated else ""
    if n_threads > allowed:
        advice = f"python -m search worker --threads {allowed}, or {_INTRAOP}={allowed}"
        return Finding(what="threads", status=Status.WARNING, text=f"{text}: they take turns", advice=advice)
    return Finding(what="threads", status=Status.OK, text=text)


def tool_findings() -> list[Finding]:
    """Return a note for each optional package and program."""
    findings = []
    for what, (package, purpose, way) in _OPTIONAL.items():
        installed = installed_version(package)
        text = f"{installed}, for {purpose}" if installed else f"not installed, needed only for {purpose}"
        advice = "" if installed else way
        findings.append(Finding(what=what, status=Status.NOTE, text=text, advice=advice))
    browser = next((path for path in map(shutil.which, _BROWSERS) if path), None)
    text = f"{browser}, for the tests of the pages" if browser else "not found, needed only by the tests of the pages"
    advice = "" if browser else "apt-get install chromium"
    return [*findings, Finding(what="chromium", status=Status.NOTE, text=text, advice=advice)]
