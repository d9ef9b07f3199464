"""A PostgreSQL server of the tests' own, from Debian's `postgresql` package, in a folder that goes away at the end.

The server refuses to run as root: under root it runs as the package's user, or as nobody.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_BINARIES = Path("/usr/lib/postgresql")
_START_S = 60.0
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",  # a killed server loses nothing by it, only a crash of the whole machine would
    "shared_buffers": "64MB",
}


class PostgresServer:
    """A server that can be stopped, killed and started again on the same port with the same data."""

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        """Make an empty cluster in a folder that the server's user may enter; `start` runs it."""
        self._binaries = _newest_binaries()
        self._user = _server_user()
        self._data, self._folder = folder / "data", folder
        self._settings = {**_SETTINGS, "unix_socket_directories": str(folder), **(settings or {})}
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count()
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        options = ["--username=tests", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run([str(self._binaries / "initdb"), *options, f"--pgdata={self._data}"])

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://tests@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        command = [str(self._binaries / "postgres"), f"-D{self._data}", f"-p{self.port}", *settings]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder, **self._identity())
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT rolls back and ends all connections, SIGQUIT drops everything at once."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=_START_S)

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"studies{next(self._numbers)}"
        self._run([str(self._binaries / "createdb"), "--host=127.0.0.1", f"--port={self.port}", "-Utests", name])
        return self.url(name)

    def log(self) -> str:
        return (self._folder / "server.log").read_text(errors="replace")

    def _answers(self) -> bool:
        command = [str(self._binaries / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, command: Sequence[str]) -> None:
        finished = subprocess.run(command, check=False, capture_output=True, cwd=self._folder, **self._identity())
        if finished.returncode:
            raise RuntimeError(f"{command[0]} failed: {finished.stderr.decode(errors='replace')}")

    def _identity(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


@contextmanager
def running_server(*, settings: dict[str, str] | None = None) -> Iterator[PostgresServer]:
    """Start a server, and stop and remove it at the end of the block."""
    # Not pytest's folder: the server's user may not enter that, and a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = PostgresServer(folder, settings=settings)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One running server for all tests of a session; each test creates a database of its own."""
    with running_server() as server:
        yield server


def _newest_binaries() -> Path:
    found = sorted(_BINARIES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise RuntimeError(f"no PostgreSQL under {_BINARIES}; install Debian's package: apt-get install postgresql")
    return found[-1].parent


def _server_user() -> pwd.struct_passwd | None:
    """Return the user that the server runs as under root, None where this process is not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return pwd.getpwnam("postgres" if "postgres" in names else "nobody")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
