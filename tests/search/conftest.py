"""Test modules here import QKeras themselves, which must meet the Keras that the runtime chooses."""

import search.runtime  # noqa: F401
