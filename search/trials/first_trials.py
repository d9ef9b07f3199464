"""What a study tries first: the baselines, what its parents' sensitivity suggests, the best of another study.

All workers come to the same list, since it follows from what is stored.
"""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import chain, islice, product, zip_longest

from search.evaluation import Watch
from search.heartbeat import Heartbeat
from search.models.trained_model import weights_to_bytes
from search.priors import Params, prior_params
from search.sensitivity import Sensitivity
from search.trials.parts import WorkerParts
from search.trials.taken_over import taken_over
from spaces.candidate import Candidate
from spaces.search_space import ParamValue
from storage.records import ParentRecord
from storage.workers import WorkerState

_BITS_METRICS = ("size_bytes", "bops")  # the metrics that depend on bits, by arithmetic

Proposed = Mapping[str, ParamValue]


def first_trials(parts: WorkerParts) -> list[Proposed]:
    """Return the parameters of the first trials, by number, each candidate once.

    Where priors are wanted, float parents that nobody has measured yet are trained and measured.

    Raises:
        ParentError: a float parent could not be trained.
        SearchError: a float parent gives no signal.
        SelectionError: the study whose trials are to be taken over is gone.
        StopRequestedError: somebody asked to stop.
    """
    warm, space = parts.spec.warm_start, parts.space
    first: list[Proposed] = list(space.baselines())
    seen = {space.decode(params).fingerprint for params in first}

    def new(source: Iterator[Proposed]) -> Iterator[Proposed]:
        for params in source:
            fingerprint = space.decode(params).fingerprint
            if fingerprint not in seen:
                seen.add(fingerprint)
                yield params

    if warm.priors:
        first += islice(new(_priors(parts)), warm.priors)
    if warm.study is not None:
        first += new(_others(parts))
    return first


def _others(parts: WorkerParts) -> Iterator[Proposed]:
    found = parts.patience(lambda: taken_over(parts.repository, parts.study, parts.spec, parts.space))
    return iter([trial.params for trial in found.trials] if found is not None else [])


def _priors(parts: WorkerParts) -> Iterator[Proposed]:
    """Return the priors of all topologies in turn: the first of each, the largest topology before the others."""
    choices = parts.spec.topology.choices()
    topologies = [
        dict(zip(choices, values, strict=True))
        for values in product(*(sorted(offered, reverse=True) for offered in choices.values()))
    ]
    by_topology = [_priors_at(parts, topology) for topology in topologies]
    in_turn = chain.from_iterable(zip_longest(*by_topology))
    return (params for params in in_turn if params is not None)


def _priors_at(parts: WorkerParts, topology: Mapping[str, float]) -> list[Params]:
    """Return the priors of one topology, the most promising first."""
    base = parts.space.baselines()[0] | {f"topology.{name}": value for name, value in topology.items()}
    judged = [objective.name for objective in parts.spec.objectives if objective.name in _BITS_METRICS]
    metric = next(iter(judged), _BITS_METRICS[0])
    bounds = [item.bound for item in parts.spec.constraint_values() if item.is_upper and item.name == metric]

    def cost(candidate: Candidate) -> float:
        return parts.evaluator.cost(candidate).metrics()[metric]

    sensitivity = _sensitivity(parts, topology)
    return prior_params(parts.space, sensitivity, base=base, cost=cost, most=min(bounds, default=math.inf))


def _sensitivity(parts: WorkerParts, topology: Mapping[str, float]) -> Sensitivity:
    """Return the sensitivity of a topology's parent as the first worker has measured and stored it.

    It stands beside the parent's record, as a second record of the same weights whose key is the study's own: another
    study may offer other bits.
    """
    study_id = parts.study.id
    key = f"sensitivity in study {study_id} of {json.dumps(dict(topology), sort_keys=True)}"
    record = parts.patience(lambda: parts.repository.find_parent(study_id, key))
    if record is None:
        measured = _measure(parts, topology, key)
        record = parts.patience(lambda: parts.repository.save_parent(study_id, measured))
    return Sensitivity.from_json(record.details["sensitivity"])


def _measure(parts: WorkerParts, topology: Mapping[str, float], key: str) -> ParentRecord:
    watch = Watch(
        on_parent=parts.listener.parent_started,
        on_progress=parts.listener.fit_progressed,
        should_stop=parts.should_stop,
    )

    def beat() -> bool:
        parts.workers.beat(parts.study.id, parts.identity.name, state=WorkerState.TRAINING)
        return True

    # Nothing is claimed yet, but the others must see that this worker lives.
    alive = Heartbeat(beat, what=key, lease_s=parts.lease_s, is_transient=parts.patience.is_transient)
    with alive:
        examined = parts.evaluator.examine_parent(topology, space=parts.space, watch=watch)
    return ParentRecord(
        key=key,
        digest=parts.artifacts.put(weights_to_bytes(examined.parent.weights)),
        clean_accuracy=examined.parent.clean_accuracy,
        details={"topology": dict(topology), "sensitivity": examined.sensitivity.to_json()},
    )
