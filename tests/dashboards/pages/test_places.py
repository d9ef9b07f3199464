"""Paths name places, and only those that a study's name can lead to."""

import pytest

from dashboards.pages.places import Page, Place, is_home, parse_place, study_path, trial_path

PREFIX = "/cosearch/"


@pytest.mark.parametrize(
    "place",
    [
        *(Place(study="cifar-robust.2", page=page) for page in (Page.FRONT, Page.LAYERS, Page.PROGRESS)),
        Place(study="cifar", page=Page.TRIAL, number=12),
    ],
)
def test_path_of_a_place_leads_back_to_it(place: Place) -> None:
    if place.number is None:
        path = study_path(PREFIX, place.study, place.page)
    else:
        path = trial_path(PREFIX, place.study, place.number)
    assert parse_place(path, prefix=PREFIX) == place


def test_study_alone_is_its_front() -> None:
    assert parse_place("/cosearch/study/cifar", prefix=PREFIX) == Place(study="cifar", page=Page.FRONT)


@pytest.mark.parametrize(
    "path",
    [
        None,
        "/cosearch/",
        "/cosearch/study/",
        "/cosearch/study/../front",
        "/cosearch/study/a/b/front",
        "/cosearch/study/a%2Fb/front",
        "/cosearch/study/cifar/elsewhere",
        "/cosearch/study/cifar/trial/-1",
        "/cosearch/study/cifar/trial/1234567890",
    ],
)
def test_other_paths_are_no_places(path: str | None) -> None:
    assert parse_place(path, prefix=PREFIX) is None


def test_home_is_the_prefix_with_or_without_its_last_slash() -> None:
    assert is_home("/cosearch/", prefix=PREFIX)
    assert is_home("/cosearch", prefix=PREFIX)
    assert not is_home("/cosearch/study/cifar", prefix=PREFIX)
