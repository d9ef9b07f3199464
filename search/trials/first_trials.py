"""What a study tries first: the baselines, what its parents' sensitivity suggests, the best of another study.

All workers come to the same list, since it follows from what is stored.
"""

import json
import math
from collections.abc import Iterator, Mapping
from itertools import count, islice, product

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
Choices = Mapping[str, float]  # of a topology


class FirstTrials:
    """The parameters of a study's first trials, by number, each candidate once.

    A float parent is trained and measured when the first prior of its topology is asked for, not before: until then
    this worker and others have trials to train.
    """

    def __init__(self, parts: WorkerParts) -> None:
        """Take over the parts; nothing is measured yet."""
        self._parts = parts
        self._priors: dict[tuple[float, ...], list[Params]] = {}

    def up_to(self, number: int) -> list[Proposed]:
        """Return the parameters of the trials 0 to `number`; fewer where the first trials end before.

        Where priors are wanted, float parents that nobody has measured yet are trained and measured.

        Raises:
            ParentError: a float parent could not be trained.
            SearchError: a float parent gives no signal.
            SelectionError: the study whose trials are to be taken over is gone.
            StopRequestedError: somebody asked to stop.
        """
        return list(islice(self._all(), number + 1))

    def _all(self) -> Iterator[Proposed]:
        warm, space = self._parts.spec.warm_start, self._parts.space
        seen: set[str] = set()

        def new(source: Iterator[Proposed]) -> Iterator[Proposed]:
            for params in source:
                fingerprint = space.decode(params).fingerprint
                if fingerprint not in seen:
                    seen.add(fingerprint)
                    yield params

        baselines = space.baselines()  # both are trials, also where they are the same
        seen |= {space.decode(params).fingerprint for params in baselines}
        yield from baselines
        if warm.priors:
            yield from islice(new(self._priors_in_turn()), warm.priors)
        if warm.study is not None:
            yield from new(self._of_other_study())

    def _of_other_study(self) -> Iterator[Proposed]:
        parts = self._parts
        found = parts.patience(lambda: taken_over(parts.repository, parts.study, parts.spec, parts.space))
        return iter([trial.params for trial in found.trials] if found is not None else [])

    def _priors_in_turn(self) -> Iterator[Proposed]:
        """Yield the priors of all topologies in turn: the first of each, the largest topology before the others."""
        choices = self._parts.spec.topology.choices()
        topologies = [
            dict(zip(choices, values, strict=True))
            for values in product(*(sorted(offered, reverse=True) for offered in choices.values()))
        ]
        for index in count():
            is_over = True
            for topology in topologies:
                priors = self._priors_at(topology)
                if index < len(priors):
                    is_over = False
                    yield priors[index]
            if is_over:
                return

    def _priors_at(self, topology: Choices) -> list[Params]:
        """Return the priors of one topology, the most promising first."""
        key = tuple(topology.values())
        if key not in self._priors:
            self._priors[key] = _priors_of(self._parts, topology, _sensitivity(self._parts, topology))
        return self._priors[key]


def _priors_of(parts: WorkerParts, topology: Choices, sensitivity: Sensitivity) -> list[Params]:
    base = parts.space.baselines()[0] | {f"topology.{name}": value for name, value in topology.items()}
    judged = [objective.name for objective in parts.spec.objectives if objective.name in _BITS_METRICS]
    metric = next(iter(judged), _BITS_METRICS[0])
    bounds = [item.bound for item in parts.spec.constraint_values() if item.is_upper and item.name == metric]

    def cost(candidate: Candidate) -> float:
        return parts.evaluator.cost(candidate).metrics()[metric]

    return prior_params(parts.space, sensitivity, base=base, cost=cost, most=min(bounds, default=math.inf))


def _sensitivity(parts: WorkerParts, topology: Choices) -> Sensitivity:
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


def _measure(parts: WorkerParts, topology: Choices, key: str) -> ParentRecord:
    watch = Watch(
        on_parent=parts.listener.parent_started,
        on_progress=parts.listener.fit_progressed,
        on_measured=parts.listener.parent_measured,
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
