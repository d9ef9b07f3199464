"""Artifacts in an object store; fsspec's store in memory takes the place of S3."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from spaces.errors import ArtifactError, SetupError
from storage.artifact_bucket import BucketStore, bucket_url, open_artifacts
from storage.artifacts import ArtifactStore, default_root

fsspec = pytest.importorskip("fsspec")

# SHA-256 of "abc" from FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
SERVER = "postgresql://user@host/db"


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}/studies"


@pytest.fixture
def store(url: str, tmp_path: Path) -> BucketStore:
    return BucketStore(url, root=tmp_path / "here")


def files() -> Any:
    return fsspec.filesystem("memory")


def key(url: str, digest: str) -> str:
    return f"{url.removeprefix('memory:/')}/{digest[:2]}/{digest}"


def test_bytes_are_stored_under_their_hash(store: BucketStore, url: str) -> None:
    assert store.put(b"abc") == ABC
    assert store.put(b"abc") == ABC
    assert files().cat_file(key(url, ABC)) == b"abc"
    assert store.get(ABC) == b"abc"
    assert store.digests() == {ABC}
    store.check(ABC)


def test_file_is_stored_whole(store: BucketStore, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"abc")
    assert store.put(tmp_path / "model") == ABC


def test_path_is_that_of_a_copy_here(store: BucketStore, tmp_path: Path) -> None:
    path = store.path(store.put(b"abc"))
    assert path.read_bytes() == b"abc"
    assert path.is_relative_to(tmp_path / "here")


def test_damaged_object_is_an_error_and_mended_by_another_put(store: BucketStore, url: str) -> None:
    store.put(b"abc")
    files().pipe_file(key(url, ABC), b"ab")
    for read in (store.get, store.check, store.path):
        with pytest.raises(ArtifactError, match=rf"{ABC} in memory://.* is damaged, its content has the hash fb8e"):
            read(ABC)
    store.put(b"abc")
    assert store.get(ABC) == b"abc"


def test_missing_object_is_an_error_and_may_be_removed(store: BucketStore) -> None:
    with pytest.raises(ArtifactError, match=f"artifact {ABC} cannot be read in memory://"):
        store.get(ABC)
    store.remove(ABC)


def test_removed_object_is_gone(store: BucketStore) -> None:
    store.remove(store.put(b"abc"))
    assert store.digests() == set()


def test_young_objects_and_other_objects_are_left_out(store: BucketStore, url: str) -> None:
    store.put(b"abc")
    files().pipe_file(key(url, "readme.txt"), b"mine")
    assert store.digests(min_age_s=0.0) == {ABC}
    assert store.digests(min_age_s=3600.0) == set()


def test_failure_names_what_and_where(store: BucketStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError("Access Denied.")

    monkeypatch.setattr(store._files, "pipe_file", refuse)
    with pytest.raises(ArtifactError, match=r"3 bytes cannot be stored in memory://.*: Access Denied; check"):
        store.put(b"abc")


@pytest.mark.parametrize("kind", ["nonsense", "abfs"])
def test_store_that_cannot_be_opened_says_what_to_do(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=rf"SEARCH_ARTIFACTS={kind}://b/p: .*pip install 'cosearch\[s3\]'"):
        BucketStore(f"{kind}://b/p", root=tmp_path)


def test_variable_names_a_bucket_a_folder_or_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_ARTIFACTS", url)
    assert isinstance(open_artifacts(SERVER), BucketStore)
    assert bucket_url(SERVER) == url
    assert default_root(SERVER) == Path("cosearch.artifacts")
    assert type(open_artifacts("studies.db")) is ArtifactStore
    assert open_artifacts("studies.db").root == Path("studies.artifacts")
    monkeypatch.setenv("SEARCH_ARTIFACTS", "/shared")
    assert (bucket_url(SERVER), open_artifacts(SERVER).root) == (None, Path("/shared"))
    monkeypatch.delenv("SEARCH_ARTIFACTS")
    assert (bucket_url(SERVER), open_artifacts(SERVER).root) == (None, Path("cosearch.artifacts"))
