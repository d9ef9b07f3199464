"""Archives are unpacked whole or not at all, and never beside their folder."""

import io
import tarfile
from pathlib import Path

import pytest

from search.data.unpack import unpack
from spaces.errors import DataError
from tests.search.data.builders import write_tar


def tar_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, *, size: int = 3, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = (size if kind == tarfile.REGTYPE else 0), kind, target
    return info


def test_archive_appears_under_its_folder(tmp_path):
    archive = write_tar(tmp_path / "a.tar.gz", "word", {"one.wav": b"1", "two.wav": b"22"})
    folder = unpack(archive, tmp_path / "cache" / "words")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.wav")) == ["word/one.wav", "word/two.wav"]
    assert [path.name for path in folder.parent.iterdir()] == ["words"]


def test_what_is_there_is_not_unpacked_again(tmp_path):
    (tmp_path / "words").mkdir()
    assert unpack(tmp_path / "no.tar.gz", tmp_path / "words") == tmp_path / "words"


@pytest.mark.parametrize(
    "evil",
    [
        member("../outside.txt"),
        member("word/../../outside.txt"),
        member("word/link", kind=tarfile.SYMTYPE, target="../../.."),
        member("word/hard", kind=tarfile.LNKTYPE, target="../../outside.txt"),
        member("word/device", kind=tarfile.CHRTYPE),
    ],
    ids=lambda item: item.name,
)
def test_malicious_archive_leaves_nothing_behind(tmp_path, evil):
    archive = tar_of(tmp_path / "evil.tar.gz", member("word/good.wav"), evil)
    with pytest.raises(DataError, match=r"evil\.tar\.gz cannot be unpacked"):
        unpack(archive, tmp_path / "cache" / "words")
    assert not list((tmp_path / "cache").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "evil.tar.gz"]


def test_absolute_member_lands_inside(tmp_path):
    archive = tar_of(tmp_path / "a.tar.gz", member(f"{tmp_path}/absolute.txt"))
    folder = unpack(archive, tmp_path / "cache" / "words")
    assert not (tmp_path / "absolute.txt").exists()
    assert [path.name for path in folder.rglob("*.txt")] == ["absolute.txt"]


@pytest.mark.parametrize("kept", [20, 100])
def test_cut_archive_leaves_no_half(tmp_path, kept):
    archive = write_tar(tmp_path / "a.tar.gz", "word", {"one.wav": bytes(range(256)) * 20})
    archive.write_bytes(archive.read_bytes()[:kept])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "cache" / "words")
    assert not list((tmp_path / "cache").iterdir())


def test_folder_that_another_process_unpacked_meanwhile_is_returned(tmp_path, monkeypatch):
    archive = write_tar(tmp_path / "a.tar.gz", "word", {"one.wav": b"1"})
    folder = tmp_path / "cache" / "words"

    def be_second(beside, target):
        (target / "word").mkdir(parents=True)
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr(Path, "rename", be_second)
    assert unpack(archive, folder) == folder
    assert [path.name for path in folder.parent.iterdir()] == ["words"]
