"""Requests to a WSGI application without sockets, and environments for the rules alone."""

from collections.abc import Mapping
from typing import Any

from werkzeug.test import Client, EnvironBuilder, TestResponse

LOCAL = "http://127.0.0.1:8080/"


def environ_of(
    path: str = "/", *, method: str = "GET", headers: Mapping[str, str] | None = None, host: str = "127.0.0.1:8080"
) -> dict[str, Any]:
    """Return what a WSGI server makes of a request."""
    builder = EnvironBuilder(path, method=method, headers=dict(headers or {}), base_url=LOCAL)
    environ = dict(builder.get_environ())
    environ["HTTP_HOST"] = host
    return environ


def ask(
    application: Any,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    base_url: str = LOCAL,
) -> TestResponse:
    """Send one request and return the answer."""
    client = Client(application, use_cookies=False)
    return client.open(path, method=method, headers=dict(headers or {}), json=json, base_url=base_url, buffered=True)
