"""Artifacts in a bucket, on a server that speaks the protocol of S3."""

import hashlib
import sys
import threading
from pathlib import Path

import pytest

from spaces.errors import ArtifactError, SetupError
from storage.artifact_bucket import BucketStore, bucket_url, open_artifacts
from storage.artifacts import ArtifactStore, default_root
from tests.s3_server import S3Server

# SHA-256 of "abc" from FIPS 180-2, appendix B.1.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
SERVER = "postgresql://user@host/db"


class Bench:
    """A store in an empty bucket, and that bucket as its owner sees it."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self.folder = folder
        self.bucket, self._client = server.create_bucket(), server.client
        self.url = f"s3://{self.bucket}/studies"
        self.store = BucketStore(self.url, root=folder)

    def sizes(self) -> dict[str, int]:
        found = self._client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {each["Key"]: each["Size"] for each in found}

    def write(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def remove_bucket(self) -> None:
        self._client.delete_bucket(Bucket=self.bucket)


@pytest.fixture
def bench(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return Bench(s3_server, tmp_path / "here")


@pytest.mark.slow
def test_bytes_are_stored_under_their_hash(bench: Bench) -> None:
    assert bench.store.put(b"abc") == ABC
    assert bench.store.put(b"abc") == ABC
    assert bench.sizes() == {f"studies/ba/{ABC}": 3}
    assert bench.store.get(ABC) == b"abc"
    assert bench.store.digests() == {ABC}
    bench.store.check(ABC)
    assert not bench.folder.exists()


@pytest.mark.slow
def test_file_is_stored_whole(bench: Bench, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    (tmp_path / "model").write_bytes(content)
    digest = bench.store.put(tmp_path / "model")
    assert digest == hashlib.sha256(content).hexdigest()
    assert bench.store.get(digest) == content


@pytest.mark.slow
def test_object_that_is_being_written_is_not_seen_in_part(bench: Bench) -> None:
    content = bytes(8_000_000)
    digest = hashlib.sha256(content).hexdigest()
    writer = threading.Thread(target=bench.store.put, args=(content,))
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append(bench.sizes())
    whole = {f"studies/{digest[:2]}/{digest}": len(content)}
    assert all(sizes in ({}, whole) for sizes in seen)
    assert bench.sizes() == whole


@pytest.mark.slow
def test_path_is_that_of_a_copy_here(bench: Bench) -> None:
    path = bench.store.path(bench.store.put(b"abc"))
    assert path.read_bytes() == b"abc"
    assert path.is_relative_to(bench.folder)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [b"ab", b"", b"abd"])
def test_damaged_object_is_an_error_and_mended_by_another_put(bench: Bench, damaged: bytes) -> None:
    bench.store.put(b"abc")
    bench.write(f"studies/ba/{ABC}", damaged)
    for read in (bench.store.get, bench.store.check, bench.store.path):
        with pytest.raises(ArtifactError, match=rf"{ABC} in {bench.url} is damaged, its content has the hash"):
            read(ABC)
    bench.store.put(b"abc")
    assert bench.store.get(ABC) == b"abc"


@pytest.mark.slow
def test_missing_object_is_an_error_and_may_be_removed(bench: Bench) -> None:
    with pytest.raises(ArtifactError, match=rf"{ABC} cannot be read in {bench.url}: there is no such object; check"):
        bench.store.get(ABC)
    bench.store.remove(ABC)
    assert bench.store.digests() == set()


@pytest.mark.slow
def test_removed_object_is_gone(bench: Bench) -> None:
    bench.store.remove(bench.store.put(b"abc"))
    assert bench.store.digests() == set()
    assert bench.sizes() == {}


@pytest.mark.slow
def test_young_objects_and_other_objects_are_left_out(bench: Bench) -> None:
    bench.store.put(b"abc")
    bench.write("studies/readme.txt", b"mine")
    bench.write(f"others/ba/{ABC[::-1]}", b"theirs")
    assert bench.store.digests(min_age_s=0.0) == {ABC}
    assert bench.store.digests(min_age_s=3600.0) == set()


@pytest.mark.slow
def test_object_of_another_worker_is_listed(bench: Bench) -> None:
    assert bench.store.digests() == set()
    bench.write(f"studies/ba/{ABC}", b"abc")
    assert bench.store.digests() == {ABC}


@pytest.mark.slow
def test_failure_names_what_and_where(bench: Bench) -> None:
    bench.remove_bucket()
    with pytest.raises(ArtifactError, match=rf"3 bytes cannot be stored in {bench.url}: .*bucket does not exist; chec"):
        bench.store.put(b"abc")
    with pytest.raises(ArtifactError, match=rf"the objects cannot be listed in {bench.url}: .*bucket does not exist"):
        bench.store.digests()


@pytest.mark.parametrize("url", ["nonsense://b/p", "file:///shared", "gs://b/p", "s3://", "s3:///"])
def test_url_of_something_else_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=rf"SEARCH_ARTIFACTS takes a folder .* or s3://bucket/prefix; got '{url}'"):
        BucketStore(url, root=tmp_path)


def test_package_that_is_not_installed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SetupError, match=r"SEARCH_ARTIFACTS=s3://b/p: .*; install it: pip install 'cosearch\[s3\]'"):
        BucketStore("s3://b/p", root=tmp_path)


def test_variable_names_a_bucket_a_folder_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "s3://bucket/studies"
    monkeypatch.setenv("SEARCH_ARTIFACTS", url)
    assert bucket_url(SERVER) == url
    assert default_root(SERVER) == Path("postgresql-db.artifacts")
    assert bucket_url("studies.db") is None
    assert type(open_artifacts("studies.db")) is ArtifactStore
    assert open_artifacts("studies.db").root == Path("studies.artifacts")
    monkeypatch.setenv("SEARCH_ARTIFACTS", "/shared")
    assert (bucket_url(SERVER), open_artifacts(SERVER).root) == (None, Path("/shared"))
    monkeypatch.delenv("SEARCH_ARTIFACTS")
    assert (bucket_url(SERVER), open_artifacts(SERVER).root) == (None, Path("postgresql-db.artifacts"))


@pytest.mark.slow
def test_variable_opens_the_bucket(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_ARTIFACTS", bench.url)
    store = open_artifacts(SERVER)
    assert isinstance(store, BucketStore)
    assert store.root == Path("postgresql-db.artifacts")
    store.put(b"abc")
    assert bench.store.digests() == {ABC}
