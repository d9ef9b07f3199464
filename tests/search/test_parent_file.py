"""Where a study's float parent is looked for."""

from pathlib import Path

import pytest

from search.parent_file import parent_file
from spaces.errors import SpecError

NAMED = "models/net.h5"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The working folder and the one of SEARCH_DATA_DIR, both without the file."""
    working, data = tmp_path / "working", tmp_path / "data"
    for folder in (working, data):
        (folder / "models").mkdir(parents=True)
    monkeypatch.chdir(working)
    monkeypatch.setenv("SEARCH_DATA_DIR", str(data))
    return working, data


def test_working_folder_comes_before_the_data(folders: tuple[Path, Path]) -> None:
    working, data = folders
    (data / NAMED).touch()
    assert parent_file(NAMED, None) == data / NAMED
    (working / NAMED).touch()
    assert parent_file(NAMED, None) == Path(NAMED)


def test_folder_of_data_dir_comes_before_the_one_of_the_variable(folders: tuple[Path, Path], tmp_path: Path) -> None:
    given = tmp_path / "given"
    for folder in (given, folders[1]):
        (folder / "models").mkdir(parents=True, exist_ok=True)
        (folder / NAMED).touch()
    assert parent_file(NAMED, given) == given / NAMED


def test_absolute_path_is_taken_as_it_is(folders: tuple[Path, Path]) -> None:
    path = folders[0] / "own.h5"
    path.touch()
    assert parent_file(str(path), None) == path


def test_what_is_in_no_place_names_them_and_says_what_to_do(folders: tuple[Path, Path]) -> None:
    with pytest.raises(SpecError, match=r"'models/net\.h5' does not exist") as caught:
        parent_file(NAMED, None)
    for text in (*(str(folder / NAMED) for folder in folders), "--parent", "SEARCH_DATA_DIR"):
        assert text in str(caught.value)
