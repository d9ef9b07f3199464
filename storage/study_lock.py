"""At most one process runs a study of an SQLite database; the operating system frees the lock when a process dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from spaces.errors import SetupError


@contextmanager
def study_lock(url: str, study_id: int, *, name: str) -> Iterator[None]:
    """Hold a study's lock: a file beside the SQLite database, whose lock ends with the process, however it ends.

    Other databases have no such place and are not locked.

    Args:
        url: of the database.
        study_id: of the study; the file is named after it.
        name: of the study, for the error.

    Raises:
        SetupError: another process runs the study.
    """
    database = make_url(url).database
    if not url.startswith("sqlite") or not database:
        yield
        return
    path = Path(f"{database}.study-{study_id}.lock")
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise SetupError(
                f"study {name!r} is being run by another process ({file.read().strip() or 'unknown'}); "
                "wait for it or stop it, then run the command again."
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {os.uname().nodename}")
        file.flush()
        yield
