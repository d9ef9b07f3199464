"""Which addresses a server is reached by: what it listens on, and the names in a request's Host header."""

import ipaddress
import platform
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on is reached from this machine alone."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def is_wildcard(host: str) -> bool:
    """Return whether a host to listen on stands for every address of this machine."""
    address = _address(host)
    return host == "*" or (address is not None and address.is_unspecified)


def host_name(header: str) -> str | None:
    """Return the name of a Host header or of an origin, lower-case, without port and brackets; None for nonsense."""
    try:
        parts = urlsplit(header if "://" in header else f"//{header}")
        name, _ = parts.hostname, parts.port  # a port that is no number raises
    except ValueError:
        return None
    is_bare = parts.path in ("", "/") and not parts.query and not parts.fragment and "@" not in parts.netloc
    return name.lower().rstrip(".") if name and is_bare else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedHosts:
    """The names that a request may call the server by, so that no other site's name leads here (DNS rebinding).

    Attributes:
        names: lower-case, addresses without brackets.
        any_address: whether a literal address will do: it was resolved by nobody, so nobody could forge it.
    """

    names: frozenset[str]
    any_address: bool

    @classmethod
    def of(cls, host: str, further: Collection[str] = ()) -> "AllowedHosts":
        """Return the names for a host to listen on: this machine's, its own, and further ones."""
        own = {platform.node().lower()} if is_wildcard(host) else {host.strip("[]").lower()}
        named = {host_name(name) or name.lower() for name in further}
        return cls(names=frozenset(_LOOPBACK_NAMES | own | named), any_address=is_wildcard(host))

    def allows(self, header: str | None) -> bool:
        """Return whether a Host header names this server."""
        name = None if header is None else host_name(header)
        return name is not None and (name in self.names or (self.any_address and _address(name) is not None))


def shown_host(host: str) -> str:
    """Return a host as a browser takes it: this machine's name for every address, brackets around IPv6."""
    if is_wildcard(host):
        return platform.node()
    return f"[{host.strip('[]')}]" if ":" in host else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
