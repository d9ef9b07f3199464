"""The Optuna dashboard as a WSGI application with a way to our pages; the one door to optuna_dashboard's server."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from optuna.storages import BaseStorage
from optuna_dashboard import wsgi

from dashboards.server import optuna_front
from dashboards.server.access import PREFIX, Environ

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_PAGES = "/dashboard"
_END = b"</body>"
# Its page is filled by a script into an element of its own; what stands beside that element stays.
_STYLE = (
    "position:fixed;right:16px;bottom:16px;z-index:2000;padding:8px 14px;border-radius:18px;background:#12518a;"
    "color:#fff;font:600 14px/1.2 system-ui,sans-serif;text-decoration:none;box-shadow:0 1px 4px rgba(0,0,0,.4)"
)
_LINK = f'<a id="cosearch-link" href="{escape(PREFIX)}" style="{_STYLE}">cosearch pages</a>'.encode()


def make_optuna_app(storage: BaseStorage) -> "WSGIApplication":
    """Return the dashboard over a storage, with our Pareto front and a link to our pages; it shows no artifacts."""
    optuna_front.install()
    return OptunaApp(wsgi(storage))


class OptunaApp:
    """Adds the link to the dashboard's page, and mends what it takes for granted of clients."""

    def __init__(self, dashboard: "WSGIApplication") -> None:
        """Wrap the dashboard's own application."""
        self._dashboard = dashboard

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        # The dashboard fails on a request for a file without this header.
        environ.setdefault("HTTP_ACCEPT_ENCODING", "identity")
        if is_page(environ.get("PATH_INFO", "")):
            return self._page(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [_without_host(*header) for header in headers], exc_info)

        return self._dashboard(environ, start)

    def _page(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        # The whole page, as if asked for the first time: a 304 or a part would keep one without the link.
        conditions = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_NONE_MATCH", "HTTP_RANGE", "HTTP_IF_RANGE")
        plain = {name: value for name, value in environ.items() if name not in conditions}
        is_head = environ["REQUEST_METHOD"] == "HEAD"
        if is_head:
            plain["REQUEST_METHOD"] = "GET"
        status, headers, body = _answer(self._dashboard, plain)
        names = {name.lower(): value for name, value in headers}
        if status.startswith("200") and names.get("content-type", "").startswith("text/html"):
            body = with_link(body)
        dropped = ("content-length", "last-modified", "etag", "accept-ranges")
        kept = [(name, value) for name, value in headers if name.lower() not in dropped]
        kept += [("Content-Length", str(len(body))), ("Cache-Control", "no-cache")]
        start_response(status, kept)
        return [] if is_head else [body]


def is_page(path: str) -> bool:
    """Return whether the dashboard answers a path with its page, whose script then looks at the path."""
    return path == _PAGES or path.startswith(f"{_PAGES}/")


def with_link(page: bytes) -> bytes:
    """Return a page with the link to ours before its body ends, or at its end where no body ends."""
    before, end, after = page.rpartition(_END)
    return before + _LINK + end + after if end else page + _LINK


def _answer(application: "WSGIApplication", environ: Environ) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Any:
        started.append((status, headers))
        return written.append

    chunks = application(environ, start)
    try:
        written.extend(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    return status, headers, b"".join(written)


def _without_host(name: str, value: str) -> tuple[str, str]:
    """Return a header; a Location only as a path, because behind a proxy the dashboard does not know its address."""
    if name.lower() != "location":
        return name, value
    parts = urlsplit(value)
    path = "/" + parts.path.lstrip("/")
    return name, f"{path}?{parts.query}" if parts.query else path
