"""The door before all applications: it refuses, exchanges the token for a cookie, and sets the security headers."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode

from dashboards.server.access import READING, Access, Environ, Refusal, is_ours

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

# Optuna's own policy for its pages stands; these hold for every answer.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer, under which a browser would send its own forms with the origin null.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DROPPED = frozenset({"access-control-allow-origin"})  # Optuna opens its artifacts to every site


def content_policy(script_hashes: Iterable[str]) -> str:
    """Return the Content-Security-Policy of our pages: nothing from elsewhere, no script but files and the known ones.

    Plotly writes styles into the page and draws pictures from blobs and data.
    """
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class Guard:
    """Lets requests through to an application by the rules of `Access`."""

    def __init__(self, application: "WSGIApplication", access: Access, *, our_policy: str) -> None:
        """Stand before an application.

        Args:
            application: what is guarded.
            access: the rules.
            our_policy: Content-Security-Policy of our own paths.
        """
        self._application, self._access, self._our_policy = application, access, our_policy

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        path = environ.get("PATH_INFO", "")

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, self._secured(path, headers), exc_info)

        refusal = self._access.refusal(environ)
        if refusal is not None:
            return _refuse(refusal, environ, start)
        if environ["REQUEST_METHOD"] in READING and self._access.brings_token(environ):
            return self._exchange(environ, start)
        return self._application(environ, start)

    def _secured(self, path: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in headers if name.lower() not in _DROPPED]
        present = {name.lower() for name, _ in kept}
        wanted = _HEADERS | ({"Content-Security-Policy": self._our_policy} if is_ours(path) else {})
        return kept + [(name, value) for name, value in wanted.items() if name.lower() not in present]

    def _exchange(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Set the cookie and lead to the same address without the token, so that it leaves the address bar."""
        token = self._access.token
        if token is None:
            raise ValueError("without a token nothing is exchanged.")
        left = [pair for pair in parse_qsl(environ.get("QUERY_STRING", "")) if pair[0] != "token"]
        # One slash at the start: two would lead to another host.
        path = "/" + quote(environ.get("PATH_INFO", "").encode("latin-1").lstrip(b"/\\"))
        cookie = f"{self._access.cookie_name}={token.cookie_value}; Path=/; HttpOnly; SameSite=Strict"
        if environ.get("wsgi.url_scheme") == "https":
            cookie += "; Secure"
        headers = [
            ("Location", path + (f"?{urlencode(left)}" if left else "")),
            ("Set-Cookie", cookie),
            ("Cache-Control", "no-store"),
            ("Content-Length", "0"),
        ]
        start_response(_line(HTTPStatus.SEE_OTHER), headers)
        return []


def _refuse(refusal: Refusal, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
    body = (refusal.text + "\n").encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    if refusal.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET, HEAD"))
    if refusal.status is HTTPStatus.UNAUTHORIZED:
        headers.append(("WWW-Authenticate", "Bearer"))
    start_response(_line(refusal.status), headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _line(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase}"
