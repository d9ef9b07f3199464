"""One application out of three, by path: pages and API under /cosearch, everything else is the Optuna dashboard's."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import flask

from dashboards.pages.app import CSP_HASHES
from dashboards.server.access import PREFIX, Access, Environ, is_ours
from dashboards.server.guard import Guard, content_policy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

API_PREFIX = f"{PREFIX}api"


def compose(
    *, pages: flask.Flask, api: "WSGIApplication", optuna: "WSGIApplication", access: Access
) -> "WSGIApplication":
    """Return the guarded application.

    Args:
        pages: all URLs under `PREFIX`; its configuration holds `CSP_HASHES`.
        api: all URLs under `API_PREFIX`.
        optuna: every other URL.
        access: the rules for all three.
    """
    return Guard(
        ByPath(pages=pages, api=api, optuna=optuna), access, our_policy=content_policy(pages.config[CSP_HASHES])
    )


class ByPath:
    """Hands each request to the application that its path belongs to, with the path as it is."""

    def __init__(self, *, pages: "WSGIApplication", api: "WSGIApplication", optuna: "WSGIApplication") -> None:
        """Keep the three applications."""
        self._pages, self._api, self._optuna = pages, api, optuna

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request, as WSGI has it."""
        path = environ.get("PATH_INFO", "")
        if path == PREFIX.rstrip("/"):
            start_response("308 Permanent Redirect", [("Location", PREFIX), ("Content-Length", "0")])
            return []
        if path == API_PREFIX or path.startswith(f"{API_PREFIX}/"):
            return self._api(environ, start_response)
        return (self._pages if is_ours(path) else self._optuna)(environ, start_response)
