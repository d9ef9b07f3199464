"""What the dashboard's server takes for its pages, its API and Optuna's front, at a long history.

    python -m tests.benchmarks.dashboard [--json FILE] [--trials 10000] [--rounds 5]

A study of `--trials` finished trials lies in an SQLite file; requests go through the whole WSGI application, guard
and all, without sockets. A page is all that a browser asks for before it shows its contents: the document, the page's
body and, on the front, the figure and the table. The first value is the server's first answer, which reads
everything; the other is the median of the later ones. `own` is this process's own work: on a busy machine only it
says something. Optuna's own Pareto front and ours take turns on 1,000 trials.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna_dashboard import _pareto_front
from werkzeug.test import Client

from dashboards.server.optuna_front import front_trials
from search.bootstrap import open_memory
from search.dashboard_setup import DashboardOptions, make_dashboard
from tests.benchmarks.history import write_history
from tests.benchmarks.side_by_side import interleaved, median_ratio

TARGETS = {
    "front_page_first_s": "<= 1.5",
    "front_page_s": "<= 1.5",
    "studies_page_first_s": "<= 0.3",
    "studies_page_s": "<= 0.3",
    "api_front_s": "",
    "api_trials_page_s": "",
    "api_studies_s": "",
    "optuna_front_over_ours": "",
}
PREFIX = "/cosearch/"
_BASE = "http://127.0.0.1:8080/"
_N_FRONT_TRIALS = 1000

Property = tuple[str, str]  # of a component: its id and the property's name


class Browser:
    """Asks for pages as Dash's script does, with the values that the components have."""

    def __init__(self, application: Any) -> None:
        self._client = Client(application)
        self._callbacks = self.get(f"{PREFIX}_dash-dependencies").json

    def get(self, path: str) -> Any:
        answer = self._client.get(path, base_url=_BASE)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {answer.text[:200]}")
        return answer

    def call(self, output: str, values: Mapping[Property, Any], changed: Sequence[str]) -> Mapping[str, Any]:
        """Run the callback whose outputs hold `output` as `id.property`, and return its response."""
        found = [each for each in self._callbacks if _is_of(each["output"], output, changed[0], each["inputs"])]
        (callback,) = found
        body = {
            "output": callback["output"],
            "outputs": _outputs(callback["output"]),
            "inputs": [_given(item, values) for item in callback["inputs"]],
            "state": [_given(item, values) for item in callback["state"]],
            "changedPropIds": list(changed),
        }
        answer = self._client.post(f"{PREFIX}_dash-update-component", json=body, base_url=_BASE)
        if answer.status_code != 200:
            raise RuntimeError(f"{output} answered {answer.status}: {answer.text[:500]}")
        response: Mapping[str, Any] = answer.json["response"]
        return response


def studies_page(browser: Browser) -> None:
    """Ask for the list of studies."""
    browser.get(PREFIX)
    browser.call("main.children", {("url", "pathname"): PREFIX}, ["url.pathname"])


def front_page(browser: Browser) -> None:
    """Ask for the front of the study, as its page first shows it."""
    path = f"{PREFIX}study/tiny/front"
    browser.get(path)
    shown = browser.call("main.children", {("url", "pathname"): path}, ["url.pathname"])
    values: dict[Property, Any] = {
        ("screen", "data"): {"theme": "light"},
        ("stamp", "data"): shown["stamp"]["data"],
        ("place", "data"): shown["place"]["data"],
        ("front-view", "value"): "clean_accuracy+robust_accuracy+size_bytes",
        ("front-revision", "value"): None,
        ("front-revision", "max"): 0,
    }
    figure = browser.call("front.figure", values, ["screen.data"])["front"]["figure"]
    if not figure["data"]:
        raise RuntimeError("the front's figure is empty.")
    browser.call("front-table.children", values, ["stamp.data"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="of every request after the first")
    arguments = parser.parse_args()
    figures = {"optuna_front_over_ours": front_ratio(rounds=3)}
    with tempfile.TemporaryDirectory() as folder:
        storage = f"{folder}/studies.db"
        write_history(storage, n_trials=arguments.trials).engine.dispose()
        figures |= measure(storage, rounds=arguments.rounds)
    print(f"{'key':<26}{'measured':>10}{'own work':>10}  target")
    for key, target in TARGETS.items():
        own = f"{figures[_own_key(key)]:.3f}" if _own_key(key) in figures else ""
        print(f"{key:<26}{figures[key]:>10.3f}{own:>10}  {target}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure(storage: str, *, rounds: int) -> dict[str, float]:
    """Return seconds by key."""
    options = DashboardOptions(
        storage=storage, host="127.0.0.1", allowed_hosts=(), proxy_header=None, allow_edit=False, data_dir=None
    )
    browser = Browser(make_dashboard(open_memory(storage), options, port=8080).application)
    pages: dict[str, Callable[[Browser], None]] = {"studies_page": studies_page, "front_page": front_page}
    figures: dict[str, float] = {}
    for name, ask in pages.items():
        first, *later = [seconds(lambda ask=ask: ask(browser)) for _ in range(1 + rounds)]
        figures |= _figures_of(f"{name}_first_s", [first]) | _figures_of(f"{name}_s", later)
    for name, path in {
        "front": "studies/tiny/front",
        "trials_page": "studies/tiny/trials",
        "studies": "studies",
    }.items():
        times = [seconds(lambda path=path: browser.get(f"{PREFIX}api/{path}")) for _ in range(rounds)]
        figures |= _figures_of(f"api_{name}_s", times)
    return figures


def front_ratio(*, rounds: int) -> float:
    """Return how many times as long as ours Optuna's front of three objectives takes.

    Raises:
        RuntimeError: the two differ.
    """
    rng = np.random.default_rng(0)
    trials = [_trial(values) for values in rng.random((_N_FRONT_TRIALS, 3))]
    directions = [StudyDirection.MAXIMIZE, StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    theirs = _pareto_front._get_pareto_front_trials_nd
    if theirs(trials, directions) != front_trials(trials, directions):
        raise RuntimeError("ours is not Optuna's front.")
    variants = {
        "theirs": lambda: theirs(trials, directions),
        "ours": lambda: front_trials(trials, directions),
    }
    times = interleaved(variants, rounds=rounds, warm_up=1)
    print(f"front of {_N_FRONT_TRIALS} trials: " + ", ".join(f"{k} {np.median(v):.4f} s" for k, v in times.items()))
    return median_ratio(times, "theirs", "ours")


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Return how long a call takes by the clock, and how long this process works on it."""
    started, worked = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - started, time.process_time() - worked


def _own_key(key: str) -> str:
    return key.removesuffix("_s") + "_own_s"


def _figures_of(key: str, pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    clock, own = np.median(pairs, axis=0)
    return {key: float(clock), _own_key(key): float(own)}


def _trial(values: Sequence[float]) -> FrozenTrial:
    return create_trial(
        state=TrialState.COMPLETE,
        values=[float(value) for value in values],
        params={"x": 0.0},
        distributions={"x": FloatDistribution(0, 1)},
    )


def _is_of(outputs: str, output: str, changed: str, inputs: Sequence[Mapping[str, str]]) -> bool:
    names = [f"{item['id']}.{item['property']}" for item in _as_list(_outputs(outputs))]
    return output in names and changed in [f"{item['id']}.{item['property']}" for item in inputs]


def _as_list(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


def _outputs(text: str) -> Any:
    """Return Dash's outputs of a callback, whose names it writes as `..a.b...c.d..`, or as `a.b` where there is one."""
    names = text[2:-2].split("...") if text.startswith("..") else [text]
    pairs = [dict(zip(("id", "property"), name.rsplit(".", 1), strict=True)) for name in names if "." in name]
    if not pairs:  # a callback that only runs
        return []
    return pairs if text.startswith("..") else pairs[0]


def _given(item: Mapping[str, str], values: Mapping[Property, Any]) -> Any:
    """Return an input with its value; of a pattern that stands for many components, none."""
    if item["id"].startswith("{"):
        return []
    return {**item, "value": values.get((item["id"], item["property"]))}


if __name__ == "__main__":
    main()
