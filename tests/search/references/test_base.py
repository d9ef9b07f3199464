"""Files of reference models: found in the first folder that has them, and only as they were published."""

import hashlib

import pytest

from search.references import REFERENCES, family_of, find_references
from search.references.base import ReferenceFile
from spaces.errors import DataError, SelectionError

CONTENT = b"weights"
FILE = ReferenceFile(path="theirs/model.h5", sha256=hashlib.sha256(CONTENT).hexdigest(), address="https://example.org")


def put(root, content):
    (root / "theirs").mkdir(parents=True)
    (root / "theirs" / "model.h5").write_bytes(content)


def test_file_is_read_from_the_first_folder_that_has_it(tmp_path):
    put(tmp_path / "b", CONTENT)
    put(tmp_path / "c", b"never read")
    found, content = FILE.read([tmp_path / "a", tmp_path / "b", tmp_path / "c"])
    assert (found, content) == (tmp_path / "b" / "theirs" / "model.h5", CONTENT)


def test_file_with_another_content_is_refused(tmp_path):
    put(tmp_path, b"other weights")
    with pytest.raises(
        DataError, match=r"is not the published file: SHA-256 .* Get it from https://example\.org again"
    ):
        FILE.read([tmp_path])


def test_missing_file_says_where_to_get_it_and_where_to_put_it(tmp_path):
    with pytest.raises(
        DataError, match=r"theirs/model\.h5 was not found; looked in .* Get it from https://example\.org"
    ):
        FILE.read([tmp_path])
    with pytest.raises(DataError, match=r"no folder, because none is named.*--data-dir or SEARCH_DATA_DIR"):
        FILE.read([])


def test_unknown_family_lists_the_known_ones():
    with pytest.raises(SelectionError, match=r"unknown reference model 'resnet'; known: mlcommons-resnet8"):
        find_references("resnet")


def test_float_model_belongs_to_the_family_of_its_int8_model():
    assert {family_of(name) for family in REFERENCES for name in (family, f"{family}-float")} == set(REFERENCES)
