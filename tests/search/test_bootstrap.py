"""What a stored study is held against before it is taken up again."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from search.bootstrap import LaunchOptions, prepare_worker
from spaces.errors import StudyMismatchError


def test_study_measured_with_another_search_suite_is_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = LaunchOptions(
        study="digits",
        storage=str(tmp_path / "studies.db"),
        data_dir=None,
        synthetic=False,
        sampler="random",
        keep_all=False,
        overrides={},
    )
    for _ in range(2):
        prepare_worker(options, Mock(), lambda: False)
    monkeypatch.setattr("search.attacks.suite.SUITE_VERSION", 99)
    with pytest.raises(StudyMismatchError, match="this version has suite 99: their robust accuracies do not compare"):
        prepare_worker(options, Mock(), lambda: False)
