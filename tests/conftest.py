"""What holds for all tests: the fixtures, and no time limit for an example, because machines are shared."""

from hypothesis import settings

from tests.postgres_server import postgres_server

__all__ = ["postgres_server"]

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
