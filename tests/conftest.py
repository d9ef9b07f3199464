"""What holds for all tests: machines are shared, so no example of a property has a time limit."""

from hypothesis import settings

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
