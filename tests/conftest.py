"""What holds for all tests: the fixtures, Ctrl-C, and no time limit for an example, because machines are shared."""

import signal

from hypothesis import settings

from tests.postgres_server import postgres_server
from tests.s3_server import s3_server

__all__ = ["postgres_server", "s3_server"]

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

# A shell's background job ignores Ctrl-C, and hands that on to all processes that tests start and stop so.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
