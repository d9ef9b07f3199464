"""A study's audited models beside a reference model: white-box and black-box worst cases, and paired tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dashboards.fired_checks import fired_checks
from dashboards.labels import marked_number
from dashboards.snapshot import StudySnapshot
from spaces.audit import AttackOutcome, CleanCount, Comparison, black_box, compare, surviving, white_box, worst_case
from spaces.errors import SelectionError
from spaces.norms import Norm
from spaces.statistics import wilson_interval
from storage.audit_comparison import AuditedModel
from storage.audits import AuditRecord
from storage.reference_models import ReferenceRecord

_QUARTER = 4

_VIEWS: dict[str, Callable[[Sequence[AttackOutcome]], tuple[AttackOutcome, ...]]] = {
    "all attacks": tuple,
    "white box": white_box,
    "black box": black_box,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedView:
    """How a model stands under the worst of some attacks, in L-inf.

    Attributes:
        name: "all attacks", "white box" or "black box".
        accuracy: at each radius of the study's grid.
        intervals: 95% Wilson intervals of `accuracy`.
        comparisons: with the reference, which is the second of each, radius by radius; empty for the reference itself.
    """

    name: str
    accuracy: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    comparisons: tuple[Comparison, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over the radii."""
        return sum(self.accuracy) / len(self.accuracy)

    @property
    def mean_gain(self) -> float | None:
        """By how much `mean` is above the reference's; None for the reference itself."""
        gains = [item.accuracies[0] - item.accuracies[1] for item in self.comparisons]
        return sum(gains) / len(gains) if gains else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """One row of the table.

    Attributes:
        label: the trial's number, or the reference's name.
        number: of the trial; None for the reference.
        is_suspect: whether a check fired.
        clean_interval: 95% Wilson interval of `clean_accuracy`, which is that of the attacked test examples.
        whole_test: clean predictions on the whole test split; None where a version before did not count them.
        views: one for each of "all attacks", "white box" and "black box".
        attacks: each L-inf attack that was run, in its order, with the accuracy at each radius.
    """

    label: str
    number: int | None
    is_suspect: bool
    size_bytes: int
    clean_accuracy: float
    clean_interval: tuple[float, float]
    whole_test: CleanCount | None
    views: tuple[AttackedView, ...]
    attacks: tuple[tuple[str, tuple[float, ...]], ...]

    def view(self, name: str) -> AttackedView:
        """Return a view by its name."""
        return next(view for view in self.views if view.name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceComparisonInfo:
    """What the comparison with a reference shows.

    Attributes:
        reference: the row of the reference itself.
        title: of the reference.
        epsilons: L-inf radii, which all audits share.
        n_examples: test examples, the same for every row.
        models: audited trials of the front, robust ones first.
        left_out: trials of the front without a finished audit of the reference's examples, radii and attacks.
    """

    reference: ComparedModel
    title: str
    epsilons: tuple[float, ...]
    n_examples: int
    models: tuple[ComparedModel, ...]
    left_out: tuple[int, ...]

    @property
    def as_large(self) -> tuple[ComparedModel, ...]:
        """The models that are at most as large as the reference."""
        return self._at_most(self.reference.size_bytes)

    @property
    def a_quarter(self) -> tuple[ComparedModel, ...]:
        """The models that are at most a quarter of the reference's size."""
        return self._at_most(self.reference.size_bytes // _QUARTER)

    def _at_most(self, size_bytes: int) -> tuple[ComparedModel, ...]:
        return tuple(model for model in self.models if model.size_bytes <= size_bytes)


def reference_comparison_info(snapshot: StudySnapshot, name: str) -> ReferenceComparisonInfo:
    """Compare the audited trials of the front with an audited reference model.

    Args:
        snapshot: with its audits and references.
        name: of the reference.

    Raises:
        SelectionError: no such reference is audited in the study.
    """
    reference = _find(snapshot, name)
    audits, measurements, fired = snapshot.latest_audits_like(reference), snapshot.measurements, fired_checks(snapshot)
    numbers = [number for number in snapshot.front_numbers if number in audits]
    models = [
        _row(
            audits[number],
            label=f"#{marked_number(number, is_suspect=number in fired)}",
            number=number,
            is_suspect=number in fired,
            size_bytes=measurements[number].size_bytes,
            reference=reference,
        )
        for number in numbers
    ]
    return ReferenceComparisonInfo(
        reference=_row(
            reference,
            label=reference.name,
            number=None,
            is_suspect=reference.masking_suspect,
            size_bytes=reference.size_bytes,
            reference=None,
        ),
        title=reference.title,
        epsilons=reference.epsilons,
        n_examples=reference.n_examples,
        models=tuple(sorted(models, key=lambda model: -model.view("all attacks").mean)),
        left_out=tuple(number for number in snapshot.front_numbers if number not in audits),
    )


def _find(snapshot: StudySnapshot, name: str) -> ReferenceRecord:
    for record in snapshot.references:
        if record.name == name:
            return record
    known = ", ".join(record.name for record in snapshot.references) or "none"
    raise SelectionError(
        f"study {snapshot.study.name!r} has no audited reference model {name!r} (it has: {known}); run `reference "
        f"--study {snapshot.study.name} --model NAME`."
    )


def _row(
    audit: AuditRecord | ReferenceRecord,
    *,
    label: str,
    number: int | None,
    is_suspect: bool,
    size_bytes: int,
    reference: AuditedModel | None,
) -> ComparedModel:
    clean = float(np.mean(audit.is_right))
    return ComparedModel(
        label=label,
        number=number,
        is_suspect=is_suspect,
        size_bytes=size_bytes,
        clean_accuracy=clean,
        clean_interval=wilson_interval(clean, len(audit.is_right)),
        whole_test=audit.whole_test,
        views=tuple(_view(name, audit, reference) for name in _VIEWS),
        attacks=tuple((outcome.name, outcome.accuracy) for outcome in audit.attacks if outcome.norm is Norm.LINF),
    )


def _view(name: str, audit: AuditedModel, reference: AuditedModel | None) -> AttackedView:
    chosen = _VIEWS[name]
    worst = worst_case(audit.is_right, chosen(audit.attacks), Norm.LINF)
    comparisons: tuple[Comparison, ...] = ()
    if reference is not None:
        ours, theirs = (surviving(item.is_right, chosen(item.attacks), Norm.LINF) for item in (audit, reference))
        comparisons = compare(ours, theirs, norm=Norm.LINF, epsilons=worst.epsilons)
    return AttackedView(name=name, accuracy=worst.accuracy, intervals=worst.intervals, comparisons=comparisons)
