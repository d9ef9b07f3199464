"""Timing of alternatives in turn, in one process: A B C, A B C, ...; ratios hold when the machine's speed drifts."""

import time
from collections.abc import Callable, Mapping

import numpy as np

Times = dict[str, list[float]]


def interleaved(variants: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 2) -> Times:
    """Return variant -> seconds of each round; every variant is called once a round."""
    times: Times = {name: [] for name in variants}
    for index in range(warm_up + rounds):
        for name, call in variants.items():
            started = time.perf_counter()
            call()
            if index >= warm_up:
                times[name].append(time.perf_counter() - started)
    return times


def median_ratio(times: Times, numerator: str, denominator: str) -> float:
    """Return the median over rounds of one variant's time over another's."""
    return float(np.median(np.divide(times[numerator], times[denominator])))
