"""Who may ask for what: the rules that every request is held against, as functions of the request alone."""

import hmac
import re
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from dashboards.server.hosts import AllowedHosts
from spaces.errors import SpecError

Environ: TypeAlias = dict[str, Any]

READING = frozenset({"GET", "HEAD"})
PREFIX = "/cosearch/"
CALLBACK_PATH = f"{PREFIX}_dash-update-component"  # where the pages ask for their contents; it changes nothing

_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
# Any client may send these, the server takes them away, and none says who asks.
_NO_IDENTITY = frozenset(
    {"forwarded", "host", "x-forwarded-by", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port"}
    | {"x-forwarded-proto", "origin", "cookie", "user-agent", "accept"}
)
_SAME_SITE = frozenset({"same-origin", "none"})  # none: typed into the address bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is turned away, in words for the one who sent it."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a stranger must know: the token of the printed address, or the cookie that it was exchanged for."""

    value: str = field(repr=False)
    cookie_value: str = field(repr=False)

    @classmethod
    def generate(cls) -> "Token":
        """Return a new one; nothing of it can be guessed."""
        return cls(value=secrets.token_urlsafe(32), cookie_value=secrets.token_urlsafe(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rules of one server.

    Attributes:
        hosts: names that the server is called by.
        token: that every request needs; None for nobody but this machine, or behind a proxy.
        proxy_header: that every request needs, because a proxy sets it for those it knows.
        may_edit: whether the Optuna dashboard may change studies.
        cookie_name: of the token's cookie; cookies know no ports, so two servers need two names.
    """

    hosts: AllowedHosts
    token: Token | None = None
    proxy_header: str | None = None
    may_edit: bool = False
    cookie_name: str = "cosearch-token"

    def __post_init__(self) -> None:
        if self.proxy_header is not None:
            check_proxy_header(self.proxy_header)

    def refusal(self, environ: Environ) -> Refusal | None:
        """Return why a request is turned away, None where it may pass."""
        return (
            self._host_refusal(environ)
            or self._identity_refusal(environ)
            or self._method_refusal(environ)
            or self._origin_refusal(environ)
        )

    def brings_token(self, environ: Environ) -> bool:
        """Return whether the address holds the right token, which is then exchanged for the cookie."""
        given = [value for key, value in parse_qsl(environ.get("QUERY_STRING", "")) if key == "token"]
        return self.token is not None and any(_equal(value, self.token.value) for value in given)

    def _host_refusal(self, environ: Environ) -> Refusal | None:
        if self.hosts.allows(environ.get("HTTP_HOST")):
            return None
        text = "This server does not go by that name; start it with --allowed-host NAME to let it."
        return Refusal(status=HTTPStatus.FORBIDDEN, text=text)

    def _identity_refusal(self, environ: Environ) -> Refusal | None:
        if self.proxy_header is not None:
            if environ.get(f"HTTP_{self.proxy_header.upper().replace('-', '_')}", "").strip():
                return None
            text = "Requests come through the proxy, which sets the header that this server trusts."
            return Refusal(status=HTTPStatus.FORBIDDEN, text=text)
        if self.token is None or self.brings_token(environ) or self._knows_token(environ, self.token):
            return None
        text = "Open the address with ?token=... that the server printed when it was started."
        return Refusal(status=HTTPStatus.UNAUTHORIZED, text=text)

    def _knows_token(self, environ: Environ, token: Token) -> bool:
        scheme, _, given = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and _equal(given.strip(), token.value):
            return True
        try:
            cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get(self.cookie_name)
        except CookieError:
            return False
        return cookie is not None and _equal(cookie.value, token.cookie_value)

    def _method_refusal(self, environ: Environ) -> Refusal | None:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if method in READING or (method == "POST" and path == CALLBACK_PATH):
            return None
        if is_ours(path):
            return Refusal(status=HTTPStatus.METHOD_NOT_ALLOWED, text="These pages are for reading.")
        if self.may_edit:
            return None
        text = "The Optuna dashboard is for reading here; start the server with --allow-edit to change studies in it."
        return Refusal(status=HTTPStatus.METHOD_NOT_ALLOWED, text=text)

    def _origin_refusal(self, environ: Environ) -> Refusal | None:
        """Turn away what another site's page makes a browser send; what is no browser says neither."""
        if environ["REQUEST_METHOD"] in READING:
            return None
        site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN")
        is_ours_by_site = site is None or site in _SAME_SITE
        is_ours_by_origin = origin is None or _authority(origin) == environ.get("HTTP_HOST", "").lower()
        if is_ours_by_site and is_ours_by_origin:
            return None
        text = "The request comes from another site's page; a proxy must pass the Host header on."
        return Refusal(status=HTTPStatus.FORBIDDEN, text=text)


def check_proxy_header(name: str) -> None:
    """Check the name of a header that a proxy sets for those whom it let in.

    Raises:
        SpecError: it is no name of a header, or one that any client sends.
    """
    if _HEADER_NAME.fullmatch(name) is None or name.lower() in _NO_IDENTITY:
        raise SpecError(
            f"--trusted-proxy-header takes a header that your proxy sets once it knows who asks, and removes from "
            f"what clients send, e.g. X-Forwarded-User; got {name!r}."
        )


def is_ours(path: str) -> bool:
    """Return whether a path belongs to our pages and API; every other one is the Optuna dashboard's."""
    return path == PREFIX.rstrip("/") or path.startswith(PREFIX)


def _authority(origin: str) -> str:
    return origin.partition("://")[2].lower()


def _equal(first: str, second: str) -> bool:
    return hmac.compare_digest(first.encode("utf-8", "surrogatepass"), second.encode())
