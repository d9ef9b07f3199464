"""A study's audited models beside a reference model: white-box and black-box worst cases, and paired tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from dashboards.fired_checks import FiredCheck, Suite, fired_of
from dashboards.labels import audit_options, fired_lines, marked
from dashboards.snapshot import StudySnapshot
from spaces.audit import (
    AttackOutcome,
    CleanCount,
    Comparison,
    WorstCase,
    black_box,
    compare,
    norms_of,
    surviving,
    white_box,
    worst_case,
)
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.norms import Norm
from spaces.statistics import paired_interval, wilson_interval
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
        gain_interval: 95% interval of `mean_gain`, paired by example; None for the reference itself.
    """

    name: str
    accuracy: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    comparisons: tuple[Comparison, ...]
    gain_interval: tuple[float, float] | None

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
        label: the trial's number behind #, or the reference's name.
        number: of the trial; None for the reference.
        fired: checks that fired, on the search's figures or in this audit.
        is_checked: whether the audit's checks are computed; an audit that was interrupted before them has none.
        clean_interval: 95% Wilson interval of `clean_accuracy`, which is that of the attacked test examples.
        whole_test: clean predictions on the whole test split; None where a version before did not count them.
        views: one for each of "all attacks", "white box" and "black box".
        attacks: each L-inf attack that was run, in its order, with the accuracy at each radius.
        beyond: the worst case of all attacks in each other norm that was attacked in.
    """

    label: str
    number: int | None
    fired: tuple[FiredCheck, ...]
    is_checked: bool
    size_bytes: int
    clean_accuracy: float
    clean_interval: tuple[float, float]
    whole_test: CleanCount | None
    views: tuple[AttackedView, ...]
    attacks: tuple[tuple[str, tuple[float, ...]], ...]
    beyond: tuple[WorstCase, ...]

    @property
    def is_suspect(self) -> bool:
        """Whether the figures may be too good, or nobody has looked."""
        return bool(self.fired) or not self.is_checked

    @property
    def marked_label(self) -> str:
        """The label, with a question mark behind it where the figures are in doubt."""
        return marked(self.label, is_suspect=self.is_suspect)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the question mark stands for, in words; empty where there is none."""
        return fired_lines(self.fired) + (() if self.is_checked else ("the audit's checks are not computed yet",))

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
        is_quick: whether the audits did about a tenth of the work.
        models: audited trials of the front, robust ones first.
        left_out: trials of the front without a finished audit of the reference's examples, radii and attacks.
    """

    reference: ComparedModel
    title: str
    epsilons: tuple[float, ...]
    n_examples: int
    is_quick: bool
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


def reference_comparison_info(snapshot: StudySnapshot, name: str, *, key: str | None = None) -> ReferenceComparisonInfo:
    """Compare the audited trials of the front with an audited reference model.

    Args:
        snapshot: with its audits and references.
        name: of the reference.
        key: of its audit to compare with; None for the one that most of the front compares with.

    Raises:
        SelectionError: no such reference is audited in the study.
    """
    reference = _find(snapshot, name, key)
    audits, measurements = snapshot.latest_audits_like(reference), snapshot.measurements
    numbers = [number for number in snapshot.front_numbers if number in audits]
    models = [
        _row(
            audits[number],
            label=f"#{number}",
            number=number,
            search_checks=measurements[number].checks,
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
            search_checks=(),
            size_bytes=reference.size_bytes,
            reference=None,
        ),
        title=reference.title,
        epsilons=reference.epsilons,
        n_examples=reference.n_examples,
        is_quick=reference.is_quick,
        models=tuple(sorted(models, key=lambda model: -model.view("all attacks").mean)),
        left_out=tuple(number for number in snapshot.front_numbers if number not in audits),
    )


def stored_audit_key(snapshot: StudySnapshot, name: str, *, n_examples: int, is_quick: bool) -> str:
    """Return the key of the newest finished audit of a reference model with so many examples and that effort.

    Raises:
        SelectionError: there is none.
    """
    audits = [record for record in snapshot.reference_audits if record.name == name]
    for record in reversed(audits):
        if (record.n_examples, record.is_quick) == (n_examples, is_quick):
            return record.key
    # Each once: an audit that a later version made anew stands beside the older one.
    there = ", ".join(dict.fromkeys(audit_options(record.n_examples, is_quick=record.is_quick) for record in audits))
    raise SelectionError(
        f"study {snapshot.study.name!r} has no finished audit of reference model {name!r} with "
        f"{audit_options(n_examples, is_quick=is_quick)} (it has: {there or 'none'}); "
        "name one of these, or leave --show out to run it."
    )


def _find(snapshot: StudySnapshot, name: str, key: str | None) -> ReferenceRecord:
    for record in snapshot.references if key is None else snapshot.reference_audits:
        if record.name == name and key in (None, record.key):
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
    search_checks: Sequence[CheckResult],
    size_bytes: int,
    reference: AuditedModel | None,
) -> ComparedModel:
    clean = float(np.mean(audit.is_right))
    return ComparedModel(
        label=label,
        number=number,
        fired=fired_of(Suite.SEARCH, search_checks) + fired_of(Suite.AUDIT, audit.checks or ()),
        is_checked=audit.checks is not None,
        size_bytes=size_bytes,
        clean_accuracy=clean,
        clean_interval=wilson_interval(clean, len(audit.is_right)),
        whole_test=audit.whole_test,
        views=tuple(_view(name, audit, reference) for name in _VIEWS),
        attacks=tuple((outcome.name, outcome.accuracy) for outcome in audit.attacks if outcome.norm is Norm.LINF),
        beyond=tuple(
            worst_case(audit.is_right, audit.attacks, norm) for norm in norms_of(audit.attacks) if norm is not Norm.LINF
        ),
    )


def _view(name: str, audit: AuditedModel, reference: AuditedModel | None) -> AttackedView:
    chosen = _VIEWS[name]
    worst = worst_case(audit.is_right, chosen(audit.attacks), Norm.LINF)
    comparisons: tuple[Comparison, ...] = ()
    gain_interval = None
    if reference is not None:
        ours, theirs = (surviving(item.is_right, chosen(item.attacks), Norm.LINF) for item in (audit, reference))
        comparisons = compare(ours, theirs, norm=Norm.LINF, epsilons=worst.epsilons)
        gain_interval = paired_interval((ours.mean(axis=0) - theirs.mean(axis=0)).tolist())
    return AttackedView(
        name=name,
        accuracy=worst.accuracy,
        intervals=worst.intervals,
        comparisons=comparisons,
        gain_interval=gain_interval,
    )
