"""Data that are a study's own, of its kind, or of another kind."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from search.data.dataset import Dataset
from search.study_data import check_same_data, difference_in_data
from spaces.errors import StudyMismatchError
from storage.records import StudyRecord
from tests.search.trained_digits import digits_dataset


def study(**changes: Any) -> StudyRecord:
    return StudyRecord(
        id=1,
        name="digits",
        spec={},
        spec_fingerprint="f" * 64,
        data=digits_dataset().describe() | changes,
        versions={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def other_copy() -> Dataset:
    return replace(digits_dataset(), fingerprint="0" * 64)


def test_own_data_are_known_again() -> None:
    check_same_data(study(), digits_dataset())
    assert difference_in_data(study(), digits_dataset()) == ""


def test_another_copy_of_the_data_is_said_and_no_study_goes_on_with_it() -> None:
    own = digits_dataset().fingerprint[:12]
    assert difference_in_data(study(), other_copy()) == (
        f"Not checked on the study's own data: the study's have the fingerprint {own}, those at hand 000000000000."
    )
    with pytest.raises(StudyMismatchError, match=f"fingerprint {own} is stored, these have 000000000000"):
        check_same_data(study(), other_copy())


def test_what_an_earlier_version_did_not_store_is_not_compared() -> None:
    data = {name: value for name, value in digits_dataset().describe().items() if name != "input_grid"}
    assert difference_in_data(replace(study(), data=data), other_copy())


@pytest.mark.parametrize(
    ("changed", "value"),
    [("n_classes", 9), ("input_range", [0.0, 2.0]), ("sound", {"labels": ["go"]}), ("name", "svhn")],
)
def test_data_of_another_kind_are_refused(changed: str, value: Any) -> None:
    with pytest.raises(StudyMismatchError, match=f"data of another kind: {changed} differ"):
        difference_in_data(study(**{changed: value}), other_copy())
