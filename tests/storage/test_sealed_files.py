"""Files that are whole or known not to be."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spaces.errors import ArtifactError
from storage.sealed_files import replace_file, seal, unseal


@given(payload=st.binary(max_size=50))
def test_payload_comes_back(payload: bytes) -> None:
    assert unseal(seal(payload)) == payload


@example(payload=b"", where=64, change=1)  # cut before the line's end, which an empty payload does not miss
@given(payload=st.binary(max_size=50), where=st.integers(0, 10**6), change=st.integers(1, 255))
def test_every_changed_byte_and_every_cut_is_noticed(payload: bytes, where: int, change: int) -> None:
    content = bytearray(seal(payload))
    position = where % len(content)
    cut = bytes(content[:position])
    content[position] ^= change
    for damaged in (bytes(content), cut):
        with pytest.raises(ArtifactError, match="they are damaged"):
            unseal(damaged)


def test_file_is_replaced_in_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state"
    for content in (b"old", b"new"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"state cannot be written in .*: No space left on device; check the disk"):
        replace_file(path, b"new")
    assert [item.name for item in tmp_path.iterdir()] == ["state"]
    assert path.read_bytes() == b"old"
