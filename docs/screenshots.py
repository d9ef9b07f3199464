"""`python -m docs.screenshots`: pictures of the pages, from a dashboard of a copy of the stored CIFAR-10 study."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

_DOCS = Path(__file__).parent
_STORAGE = _DOCS / "results" / "cifar" / "studies.db"
_PORT = 8917
_START_S = 120.0
_LARGEST_BYTES = 200_000
_SETTLED_MS = 4000  # figures are drawn after their data came
_STUDY = "/cosearch/study/cifar"
_SOFTWARE_3D = ("--use-gl=swiftshader", "--enable-webgl", "--ignore-gpu-blocklist")  # the 3-D front without a GPU
_PAGES = {
    "page-studies": "/cosearch/",
    "page-front": f"{_STUDY}/front",
    "page-layers": f"{_STUDY}/layers",
    "page-progress": f"{_STUDY}/progress",
    "page-trial": f"{_STUDY}/trial/19",
}


def main() -> None:
    """Start the dashboard, take a picture of each page, and stop it.

    Raises:
        RuntimeError: the dashboard does not answer, or a picture is too large for the documentation.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(_STORAGE, folder)  # opening a database may upgrade its schema
        server = subprocess.Popen(
            [sys.executable, "-m", "search", "dashboard", "--storage", copy, "--port", str(_PORT)]
        )
        try:
            _wait(server)
            _take(_PAGES)
        finally:
            server.terminate()
            server.wait()


def _wait(server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard ended with exit code {server.returncode}; its last line says why.")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{_PORT}/cosearch/", timeout=5).close()
        except OSError:  # refused, or the first answer takes longer
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(f"the dashboard did not answer on port {_PORT} within {_START_S:.0f} s.")


def _take(pages: dict[str, str]) -> None:
    chromium = os.environ.get("BROWSER_PATH") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *_SOFTWARE_3D])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for name, address in pages.items():
            page.goto(f"http://127.0.0.1:{_PORT}{address}", wait_until="networkidle")
            page.wait_for_timeout(_SETTLED_MS)
            file = _DOCS / "images" / f"{name}.png"
            page.screenshot(path=file)
            if file.stat().st_size > _LARGEST_BYTES:
                raise RuntimeError(f"{file} has {file.stat().st_size:,} bytes; at most {_LARGEST_BYTES:,} are wanted.")
        browser.close()


if __name__ == "__main__":
    main()
