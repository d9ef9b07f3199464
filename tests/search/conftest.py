"""What tests of the search share: the Keras that the runtime chooses comes first, because some import QKeras."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import search.runtime  # noqa: F401
from tests.search.worker_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.dispose()
