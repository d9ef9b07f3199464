"""How sure measured fractions are: the interval of one; interval and test of a difference on the same examples."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from spaces.errors import SpecError

SIGNIFICANCE = 0.05
"""Tests with a p-value below it are marked, in tables and on pages."""

_Z_95 = 1.959963984540054


def wilson_interval(fraction: float, n_examples: int) -> tuple[float, float]:
    """Return the 95% score interval of a measured fraction (Wilson 1927).

    With p the fraction, n the examples and z = 1.96:
    (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).

    Raises:
        SpecError: the fraction lies outside [0, 1] or there are no examples.
    """
    if not (0 <= fraction <= 1 and n_examples >= 1):
        raise SpecError(
            f"an interval needs a fraction in [0, 1] of at least one example; got {fraction} of {n_examples}."
        )
    square = _Z_95**2 / n_examples
    center = (fraction + square / 2) / (1 + square)
    spread = math.sqrt(fraction * (1 - fraction) / n_examples + square / (4 * n_examples))
    half = _Z_95 * spread / (1 + square)
    return max(0.0, center - half), min(1.0, center + half)


def paired_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95% interval of a mean difference between two models on the same examples.

    Normal approximation: mean +- z s / sqrt(n), with s the standard deviation of the differences and z = 1.96.

    Args:
        differences: what the first model has more than the second on each example, in [-1, 1].

    Raises:
        SpecError: there are fewer than two examples.
    """
    if len(differences) < 2:
        raise SpecError(f"an interval of a mean difference needs two examples or more; got {len(differences)}.")
    mean, half = fmean(differences), _Z_95 * stdev(differences) / math.sqrt(len(differences))
    return mean - half, mean + half


def mcnemar_mid_p(only_first: int, only_second: int) -> float:
    """Return the mid-p value of McNemar's test that two models are right on the same examples equally often.

    Only examples on which exactly one of the two is right count. With b and c their numbers, n = b + c and
    X ~ Binomial(n, 1/2): p = 2 P(X <= min(b, c)) - P(X = min(b, c)), which holds its level better than the exact
    test (Fagerland, Lydersen and Laake 2013, doi 10.1186/1471-2288-13-91).

    Args:
        only_first: examples that the first model alone gets right.
        only_second: examples that the second model alone gets right.
    """
    if min(only_first, only_second) < 0:
        raise SpecError(f"counts of examples must be >= 0; got {only_first} and {only_second}.")
    n, smaller = only_first + only_second, min(only_first, only_second)
    # Shares of 2^n as whole numbers: exact for any count.
    at_most = sum(math.comb(n, count) for count in range(smaller + 1))
    return min(1.0, (2 * at_most - math.comb(n, smaller)) / (1 << n))
