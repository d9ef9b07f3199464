"""Downloads against a server on this machine: whole, resumed, cut off, damaged."""

import errno
import fcntl
import hashlib
import http.client
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from search.data.download import DownloadLines, PublishedFile, fetch
from spaces.errors import DataError

CONTENT = bytes(range(256)) * 40


class Handler(BaseHTTPRequestHandler):
    """Serves its server's content with ranges, as its server's settings have it."""

    def do_GET(self) -> None:
        server = self.server
        given = self.headers.get("Range")
        server.ranges.append(given)  # type: ignore[attr-defined]
        if server.status:  # type: ignore[attr-defined]
            self.send_error(server.status)  # type: ignore[attr-defined]
            return
        match = re.fullmatch(r"bytes=(\d+)-", given or "")
        start = int(match[1]) if match and server.knows_ranges else 0  # type: ignore[attr-defined]
        if start >= len(server.content):  # type: ignore[attr-defined]
            self.send_error(416)
            return
        body = server.content[start:]  # type: ignore[attr-defined]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cut])  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.ranges, served.status, served.cut, served.knows_ranges = [], 0, None, True  # type: ignore[attr-defined]
    served.content = CONTENT  # type: ignore[attr-defined]
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def published(server, **changes) -> PublishedFile:
    fields = {
        "url": f"http://127.0.0.1:{server.server_address[1]}/data.bin",
        "size_bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    return PublishedFile(**{**fields, **changes})


def test_file_is_fetched_once(server, tmp_path):
    told: list[int] = []
    for _ in range(2):
        path = fetch(published(server), tmp_path / "new", on_bytes=told.append)
        assert path.read_bytes() == CONTENT
    assert server.ranges == [None]
    assert told[-1] == len(CONTENT)
    assert [item.name for item in path.parent.iterdir()] == ["data.bin"]


def test_second_process_waits_for_the_first_and_takes_its_file(server, tmp_path, caplog):
    lock = (tmp_path / ".data.bin.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(fetch, published(server), tmp_path)
        while "this one waits for it" not in caplog.text and not second.done():
            time.sleep(0.01)
        (tmp_path / "data.bin").write_bytes(CONTENT)
        lock.close()
        assert second.result(timeout=30).read_bytes() == CONTENT
    assert server.ranges == []
    assert [item.name for item in tmp_path.iterdir()] == ["data.bin"]


def test_lock_that_was_removed_while_waiting_for_it_is_no_lock(server, tmp_path, caplog):
    path = tmp_path / ".data.bin.lock"
    removed = path.open("a")
    fcntl.flock(removed, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(fetch, published(server), tmp_path)
        while "this one waits for it" not in caplog.text and not waiting.done():
            time.sleep(0.01)
        path.unlink()  # as a holder does whose download failed
        third = path.open("a")
        fcntl.flock(third, fcntl.LOCK_EX)
        removed.close()
        while caplog.text.count("this one waits for it") < 2 and not waiting.done():
            time.sleep(0.01)
        assert not waiting.done(), "it downloads beside the third process"
        third.close()
        assert waiting.result(timeout=30).read_bytes() == CONTENT


def test_part_is_gone_on_with(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]


def test_connection_that_breaks_again_and_again_brings_the_whole_file(server, tmp_path):
    server.cut = 3000
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=3000-", "bytes=6000-", "bytes=9000-"]


def test_server_without_ranges_sends_everything_anew(server, tmp_path):
    server.knows_ranges = False
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT


def test_wrong_part_is_removed_and_told(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(DataError, match="has not the published checksum; it was removed"):
        fetch(published(server), tmp_path)
    assert not list(tmp_path.iterdir())
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT


def test_part_longer_than_the_file_is_no_part_of_it(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"x" * (len(CONTENT) + 1))
    with pytest.raises(DataError, match="has not the published checksum"):
        fetch(published(server), tmp_path)
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT


def test_damaged_file_is_fetched_again(server, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"x" * len(CONTENT))
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT


def test_server_that_stops_for_good_is_given_up_and_the_part_kept(server, tmp_path):
    server.cut = 0
    with pytest.raises(DataError, match=r"could not be downloaded: .*; 0 of 10,240 bytes are there"):
        fetch(published(server), tmp_path)
    assert len(server.ranges) == 5


@pytest.mark.parametrize(("held", "content"), [(0, b"<html>log in</html>"), (10, CONTENT + b"x"), (10, CONTENT[:-1])])
def test_file_of_another_length_is_not_taken_and_the_part_kept(server, tmp_path, held, content):
    server.content = content
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:held])
    with pytest.raises(DataError, match=rf"HTTP status 20[06] with {len(content):,} bytes, .* {held} of 10,240 bytes"):
        fetch(published(server), tmp_path)
    assert len(server.ranges) == 1
    server.content = CONTENT
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT


def test_network_that_fails_while_reading_is_not_taken_for_the_disk(server, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    with monkeypatch.context() as patch:
        patch.setattr(http.client.HTTPResponse, "read", fail)
        with pytest.raises(
            DataError, match=r"could not be downloaded: .*No route to host; 0 of 10,240 bytes are there"
        ):
            fetch(published(server), tmp_path)
    assert len(server.ranges) == 5
    assert fetch(published(server), tmp_path).read_bytes() == CONTENT


def test_refusal_is_not_asked_again(server, tmp_path):
    server.status = 404
    with pytest.raises(DataError, match="could not be downloaded: HTTP status 404"):
        fetch(published(server), tmp_path)
    assert len(server.ranges) == 1


def test_no_server_is_told(tmp_path):
    nowhere = PublishedFile(url="http://127.0.0.1:9/data.bin", size_bytes=1, sha256="")
    with pytest.raises(DataError, match=r"data\.bin could not be downloaded"):
        fetch(nowhere, tmp_path)


def test_progress_is_told_at_every_tenth(server, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("search.data.download._CHUNK", 1024)
    fetch(published(server), tmp_path)
    lines = [record.message for record in caplog.records]
    assert len(lines) == 10
    assert "data.bin: 100% of 0 MB" in lines[-1]


def test_download_tells_its_rate_and_the_time_left(caplog):
    times = iter([0.0, 10.0, 60.0])
    tell = DownloadLines(PublishedFile(url="http://x/data.bin", size_bytes=100_000_000, sha256=""), lambda: next(times))
    for held in (20_000_000, 40_000_000, 41_000_000, 100_000_000):  # gone on with at 20 MB
        tell(held)
    assert [record.message for record in caplog.records] == [
        "downloading http://x/data.bin: 20% of 100 MB",
        "downloading http://x/data.bin: 40% of 100 MB, 2.0 MB/s, 0:30 left",
        "downloading http://x/data.bin: 100% of 100 MB, 1.3 MB/s",
    ]
