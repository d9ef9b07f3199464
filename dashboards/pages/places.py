"""The addresses of the pages: which page, study and trial a path names, and the path of each."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Page(StrEnum):
    """The pages of a study, in the order of the navigation."""

    FRONT = "front"
    LAYERS = "layers"
    PROGRESS = "progress"
    TRIAL = "trial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the reader is: a page of a study, and on a trial's page its number."""

    study: str
    page: Page
    number: int | None = None


# The names that a study specification allows; nothing else is looked up.
_STUDY = r"(?P<study>[A-Za-z0-9][A-Za-z0-9_.-]{0,99})"
_PATHS = re.compile(rf"study/{_STUDY}(?:/(?P<page>front|layers|progress)|/trial/(?P<number>[0-9]{{1,9}}))?/?")


def parse_place(pathname: str | None, *, prefix: str) -> Place | None:
    """Return the place that a path names; None for every other path, the list of studies among them."""
    match = _PATHS.fullmatch((pathname or "").removeprefix(prefix))
    if match is None:
        return None
    if match["number"] is not None:
        return Place(study=match["study"], page=Page.TRIAL, number=int(match["number"]))
    return Place(study=match["study"], page=Page(match["page"] or Page.FRONT))


def is_home(pathname: str | None, *, prefix: str) -> bool:
    """Return whether a path is that of the list of studies."""
    return f"{(pathname or '').rstrip('/')}/" == prefix


def study_path(prefix: str, study: str, page: Page = Page.FRONT) -> str:
    """Return the path of a study's page."""
    return f"{prefix}study/{study}/{page.value}"


def trial_path(prefix: str, study: str, number: int) -> str:
    """Return the path of a trial's page."""
    return f"{prefix}study/{study}/trial/{number}"
