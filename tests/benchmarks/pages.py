"""How long the server takes for its pages, with 10,000 trials stored: `python -m tests.benchmarks.pages [--trials N]`.

Prints for each answer the wall time, the processor time of this process, and the size; "cold" is the first one.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from dashboards.pages.app import make_pages
from dashboards.snapshot import StudySnapshot
from tests.dashboards.builders import START, realistic_snapshot
from tests.dashboards.pages.test_app import SCREEN, call
from tests.dashboards.stored import open_database, services_of, store

_VIEWS = ("clean_accuracy+robust_accuracy+size_bytes", "size_bytes+robust_accuracy")


def long_study(n_trials: int) -> StudySnapshot:
    """Return a realistic study of 300 trials, continued with slightly worse ones to any length."""
    short = realistic_snapshot(n_trials=300)
    trials = []
    for number in range(n_trials):
        turn, position = divmod(number, 300)
        trial = short.trials[position]
        worse = trial.measurement and replace(
            trial.measurement,
            clean_accuracy=max(trial.measurement.clean_accuracy - 1e-3 * turn, 0),
            size_bytes=trial.measurement.size_bytes + 100 * turn,
        )
        begin = START + timedelta(minutes=number)
        trials.append(
            replace(trial, number=number, measurement=worse, started_at=begin, finished_at=begin + timedelta(minutes=1))
        )
    return replace(short, trials=tuple(trials))


def main() -> None:
    """Store the study, ask for every page, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    n_trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Path(folder))
        store(engine, long_study(n_trials), name="long")
        client = make_pages(services_of(engine)).test_client()
        place = {"study": "long", "page": "front", "number": None}
        drawn = {"screen.data": SCREEN, "place.data": place, "stamp.data": "1", "front-view.value": _VIEWS[0]}
        print(f"{n_trials} trials: answer, wall s, processor s, KiB")
        client.get("/cosearch/_dash-dependencies")
        for turn in ("cold", "warm"):
            _time(f"studies, {turn}", lambda: call(client, "main.children", {"url.pathname": "/cosearch/"}))
            _time(
                f"front page, {turn}", lambda: call(client, "main.children", {"url.pathname": "/cosearch/study/long"})
            )
            _time(f"front table, {turn}", lambda: call(client, "front-table.children", drawn))
            for view in _VIEWS:
                values = {**drawn, "front-view.value": view}
                _time(f"front {view}, {turn}", lambda values=values: call(client, "front.figure", values))
            _time(f"importance, {turn}", lambda: call(client, "importance.figure", drawn))
            _time(f"timeline, {turn}", lambda: call(client, "timeline.figure", drawn))
        engine.dispose()


def _time(name: str, ask: Callable[[], Any]) -> None:
    wall, processor = perf_counter(), process_time()
    answer = ask()
    wall, processor = perf_counter() - wall, process_time() - processor
    print(f"{name:58}{wall:7.2f}{processor:7.2f}{len(str(answer)) // 1024:7}")


if __name__ == "__main__":
    main()
