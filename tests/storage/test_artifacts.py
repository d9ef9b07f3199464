import errno
import hashlib
import os
from pathlib import Path

import pytest

from spaces.errors import ArtifactError, StorageError
from storage.artifacts import ArtifactStore, default_root

# SHA-256 of "abc" from FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "studies.artifacts"


@pytest.fixture
def store(root: Path) -> ArtifactStore:
    return ArtifactStore(root)


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("studies.db", "studies.artifacts"),
        ("sqlite:////data/my.studies.db", "/data/my.studies.artifacts"),
        ("sqlite://", "cosearch.artifacts"),
        ("sqlite:///:memory:", "cosearch.artifacts"),
        ("runs.sqlite", "runs.sqlite-artifacts"),
        ("sqlite+pysqlite:////data/run.1", "/data/run.1-artifacts"),
        ("studies", "studies-artifacts"),
        ("postgresql://user@host/studies", "postgresql-studies.artifacts"),
        ("postgresql://user@host/a%2Fb", "postgresql-a%2Fb.artifacts"),
        ("postgresql://user@host", "cosearch.artifacts"),
    ],
)
def test_artifacts_lie_beside_the_database(
    url: str, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_root(url) == Path(root)


@pytest.mark.parametrize(
    ("url", "old", "own"),
    [
        ("runs.sqlite", "runs.artifacts", "runs.sqlite-artifacts"),
        ("runs", "runs.artifacts", "runs-artifacts"),
        ("postgresql://user@host/db", "cosearch.artifacts", "postgresql-db.artifacts"),
    ],
)
def test_folder_of_an_earlier_version_is_taken_unless_another_database_has_it(
    url: str, old: str, own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(old).mkdir()
    assert default_root(url) == Path(old)
    Path(old).with_suffix(".db").touch()
    assert default_root(url) == Path(own)
    Path(old).with_suffix(".db").unlink()
    Path(own).mkdir()
    assert default_root(url) == Path(own)


def test_text_that_is_no_url_is_refused_without_its_password() -> None:
    with pytest.raises(StorageError, match="is no database URL") as raised:
        default_root("postgresql://me:secret@db:port/studies")
    assert "secret" not in str(raised.value)


def test_bytes_are_stored_under_their_hash(store: ArtifactStore, root: Path) -> None:
    assert store.put(b"abc") == ABC
    assert files(root) == [root / "ba" / ABC]
    assert store.get(ABC) == b"abc"
    assert store.path(ABC) == root / "ba" / ABC
    assert store.digests() == {ABC}


def test_file_is_copied_whole(store: ArtifactStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000  # more than one chunk
    source = tmp_path / "model.h5"
    source.write_bytes(content)
    digest = store.put(source)
    assert digest == hashlib.sha256(content).hexdigest()
    assert store.get(digest) == source.read_bytes() == content


def test_equal_contents_are_stored_once(store: ArtifactStore, root: Path) -> None:
    assert store.put(b"abc") == store.put(b"abc")
    assert len(files(root)) == 1


def test_removed_file_is_gone_and_may_be_removed_again(store: ArtifactStore) -> None:
    store.put(b"abc")
    store.remove(ABC)
    store.remove(ABC)
    assert store.digests() == set()


def test_empty_store_has_no_digests(store: ArtifactStore) -> None:
    assert store.digests() == set()


def test_missing_file_is_named(store: ArtifactStore) -> None:
    for ask in (store.get, store.path):
        with pytest.raises(ArtifactError, match=f"{ABC} cannot be read .*No such file.*restore"):
            ask(ABC)


def test_damaged_file_is_refused_and_mended_by_a_new_put(store: ArtifactStore) -> None:
    store.put(b"abc")
    store.path(ABC).write_bytes(b"abd")
    for ask in (store.get, store.path):
        with pytest.raises(ArtifactError, match=f"{ABC} .*is damaged, .*restore the file"):
            ask(ABC)
    store.put(b"abc")
    assert store.get(ABC) == b"abc"


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", ABC.upper(), ABC[:-1], ABC + "\n", "/" + ABC[1:]])
def test_text_that_is_no_digest_never_becomes_a_path(store: ArtifactStore, digest: str) -> None:
    for ask in (store.get, store.path, store.remove):
        with pytest.raises(ArtifactError, match="64 lower-case hexadecimal"):
            ask(digest)


def test_full_disk_leaves_nothing_behind(store: ArtifactStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store.put(b"before")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(ArtifactError, match="No space left on device; check"):
            store.put(b"abc")
    assert [path.read_bytes() for path in files(root)] == [b"before"]
    assert store.put(b"abc") == ABC


def test_failed_rename_leaves_nothing_behind(store: ArtifactStore, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_source: Path, _target: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ArtifactError, match="Input/output error"):
        store.put(b"abc")
    assert files(root) == []


def test_file_that_cannot_be_read_is_named(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"model\.h5 cannot be stored .*No such file"):
        store.put(tmp_path / "model.h5")


def test_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(b"")
    store = ArtifactStore(tmp_path / "root")
    with pytest.raises(ArtifactError, match="cannot be stored"):
        store.put(b"abc")
    with pytest.raises(ArtifactError, match="cannot be read"):
        store.get(ABC)


def test_content_is_on_disk_before_it_gets_its_name(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (done.append("sync"), sync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("rename"), rename(*paths))[1])
    store.put(b"first")
    done.clear()
    store.put(b"abc")
    assert done == ["sync", "rename", "sync", "sync"]
