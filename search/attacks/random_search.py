"""Random search for a larger margin, from queries of logits alone; what Square and the local search share."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from search.attacks.base import Classifier, Inputs, Labels, ThreatModel, is_broken, margin, project

Propose = Callable[[Inputs, Inputs, int], Inputs]  # (current, x, number of the query) -> what is tried next

_PACE_QUERIES = 20  # between two looks at the pace


def random_search(
    model: Classifier,
    x: Inputs,
    y: Labels,
    threat: ThreatModel,
    *,
    begin: Inputs,
    propose: Propose,
    query_budget: int,
    drops_slow: bool = False,
) -> Inputs:
    """Return each example's best perturbed input; an example that broke is not queried again.

    A move that leaves the margin equal is taken too: quantized logits tie often, and refusing equal moves would stop
    the search on their plateaus.

    Args:
        model: the model under attack.
        x: clean inputs.  # [n, ...]
        y: labels.  # [n]
        threat: the ball; proposals are projected into it.
        begin: where the search begins; the first query.  # [n, ...]
        propose: the next points to try, for the examples that are still searched.
        query_budget: logits asked for, per example.
        drops_slow: every 20 queries, give up the examples whose margin would not reach 0 within the budget if it went
            on growing as it did so far.
    """
    best = project(begin, x, epsilon=threat.epsilon, input_range=model.input_range, norm=threat.norm)
    logits = model.logits(best)
    first_margin = margin(logits, y)
    best_margin, active = first_margin.copy(), np.flatnonzero(~is_broken(logits, y))
    for query in range(1, query_budget):
        if drops_slow and query % _PACE_QUERIES == 0:
            active = _in_time(active, first_margin, best_margin, done=query, left=query_budget - query)
        if not active.size:
            break
        tried = propose(best[active], x[active], query)
        tried = project(tried, x[active], epsilon=threat.epsilon, input_range=model.input_range, norm=threat.norm)
        logits = model.logits(tried)
        margins = margin(logits, y[active])
        taken = (margins >= best_margin[active]) | is_broken(logits, y[active])
        best[active[taken]], best_margin[active[taken]] = tried[taken], margins[taken]
        active = active[~is_broken(logits, y[active])]
    return best


def _in_time(
    active: NDArray[np.intp],
    first_margin: NDArray[np.float32],
    best_margin: NDArray[np.float32],
    *,
    done: int,
    left: int,
) -> NDArray[np.intp]:
    """Return the examples whose margin reaches 0 in time at its present pace."""
    now = best_margin[active]
    pace = (now - first_margin[active]) / done
    return active[now + pace * left >= 0]
