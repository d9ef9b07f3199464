"""The threaded server: bound first, so that a port in use is known before anything is promised."""

import errno
import logging
import socket
from typing import TYPE_CHECKING

from waitress.server import create_server

from spaces.errors import SetupError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_MAX_BODY_BYTES = 32 << 20
_REASONS = {
    errno.EADDRINUSE: "is in use; end what listens there, or choose another --port",
    errno.EACCES: "may not be used by you; choose a --port above 1023",
    errno.EADDRNOTAVAIL: "is no address of this machine; choose another --host",
}

# `localhost` may mean two addresses, and one that the browser does not try first.
_NAMED = {"*": "0.0.0.0", "localhost": "127.0.0.1"}


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one.

    Raises:
        SetupError: the address is in use, may not be used, or is none of this machine.
    """
    plain = _NAMED.get(host.lower(), host.strip("[]"))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            plain, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):
        raise SetupError(f"--host {host!r} --port {port} is no address that this machine knows.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Now, because two programs may bind a port with SO_REUSEADDR, but only one may listen.
        listener.listen()
    except OSError as error:
        listener.close()
        reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
        raise SetupError(f"{host} port {port} {reason}.") from None
    return listener


def serve(application: "WSGIApplication", listener: socket.socket, *, threads: int) -> None:
    """Answer requests until Ctrl-C, then finish what is under way for some seconds and return.

    Args:
        application: that answers.
        listener: of `bind`.
        threads: requests that are answered at once.
    """
    # It warns of every request that waits for a thread, which a page with several figures does when it loads.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    server = create_server(
        application,
        sockets=[listener],
        threads=threads,
        ident=None,
        max_request_body_size=_MAX_BODY_BYTES,
        clear_untrusted_proxy_headers=True,
    )
    server.run()
    server.close()
