"""A real server on a copy of the results of a real study, and Debian's Chromium to look at it."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from dashboards.pages.app import make_pages
from tests.dashboards.builders import edge_cases, realistic_snapshot
from tests.dashboards.stored import open_database, services_of, store

CHROMIUM = Path("/usr/bin/chromium")
RESULTS = Path(__file__).parents[2] / "docs" / "results" / "cifar"


class FakeExports:
    """Two formats and two devices; the archive is an empty zip file. It remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, tuple[str, ...], str | None]] = []

    def formats(self) -> Sequence[str]:
        return ("keras", "c")

    def targets(self) -> Sequence[str]:
        return ("cortex-m4", "cortex-m7")

    def export(self, study: str, number: int, *, formats: Sequence[str], target: str | None) -> bytes:
        self.asked.append((study, number, tuple(formats), target))
        return b"PK\x05\x06" + b"\0" * 18


@pytest.fixture(scope="session")
def exports() -> FakeExports:
    return FakeExports()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, exports: FakeExports) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("studies")
    shutil.copy(RESULTS / "studies.db", folder / "studies.db")
    engine = open_database(folder)
    store(engine, realistic_snapshot(), name="invented")
    for name, snapshot in edge_cases().items():
        store(engine, snapshot, name=name.replace(" ", "-"))
    server = make_server("127.0.0.1", 0, make_pages(services_of(engine, exports=exports)), threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/cosearch/"
    server.shutdown()
    thread.join()
    engine.dispose()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Debian's chromium at {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--use-gl=swiftshader", "--enable-unsafe-swiftshader"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
        yield browser
        browser.close()
