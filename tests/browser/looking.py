"""How a test looks at a page: it waits until everything is drawn, and keeps what the console said."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from playwright.sync_api import Browser, Page

WAIT_MS = 60_000

# Remarks of the graphics driver on software rendering, which are no faults of the page.
_DRIVER = ("GL Driver Message", "willReadFrequently")


@contextmanager
def open_page(browser: Browser, *, width: int = 1280, theme: Any = "light") -> Iterator[Page]:
    """Open a page of its own; at the end nothing may have gone wrong in its console or on its way to the server."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _is_bad(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url) if _is_foreign(request.url) else None)
    yield page
    context.close()
    assert complaints == [], complaints


def visit(page: Page, url: str) -> None:
    """Go to a page and wait for its heading and its figures."""
    page.goto(url)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the server has answered everything and every figure of the page is drawn."""
    page.wait_for_selector("h1")
    page.wait_for_load_state("networkidle")
    page.wait_for_selector("[data-dash-is-loading=true]", state="detached")


def violations(page: Page) -> list[str]:
    """Return what axe-core finds serious or critical, with the element that it names first."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:160]} ({item['nodes'][0]['failureSummary']})"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
    ]


def overflow_px(page: Page) -> int:
    """Return by how much the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def _is_bad(message: Any) -> bool:
    return message.type in ("error", "warning") and not any(text in message.text for text in _DRIVER)


def _is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))
