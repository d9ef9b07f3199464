"""A study's audited models beside a reference model: white-box and black-box worst cases, and paired tests."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from dashboards.fired_checks import FiredCheck, Suite, fired_checks, fired_of
from dashboards.infos.compared_models import AttackedView, ComparedModel, ReferenceComparisonInfo
from dashboards.labels import audit_options, stored_options
from dashboards.snapshot import StudySnapshot
from spaces.audit import (
    AttackOutcome,
    Comparison,
    Flags,
    black_box,
    compare,
    norms_of,
    radii,
    surviving,
    white_box,
)
from spaces.errors import SelectionError
from spaces.norms import Norm
from spaces.statistics import paired_interval, wilson_interval
from storage.audit_comparison import AuditedModel
from storage.audits import AuditRecord
from storage.reference_models import ReferenceRecord

_ALL_ATTACKS = "all attacks"
_VIEWS: dict[str, Callable[[Sequence[AttackOutcome]], tuple[AttackOutcome, ...]]] = {
    _ALL_ATTACKS: tuple,
    "white box": white_box,
    "black box": black_box,
}


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
    marks = fired_checks(snapshot)
    numbers = [number for number in snapshot.front_numbers if number in audits]
    models = [
        _row(
            audits[number],
            label=f"#{number}",
            number=number,
            fired=_with_those_of(audits[number], marks.get(number, ())),
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
            fired=fired_of(Suite.AUDIT, reference.checks or ()),
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
    raise SelectionError(
        f"study {snapshot.study.name!r} has no finished audit of reference model {name!r} with "
        f"{audit_options(n_examples, is_quick=is_quick)} (it has: {stored_options(audits)}); "
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


def _with_those_of(audit: AuditRecord, marks: Sequence[FiredCheck]) -> tuple[FiredCheck, ...]:
    """Return a trial's marks and, where another audit decides on those, what fired in the audit that is shown."""
    told = {item.check.name for item in marks if item.suite is Suite.AUDIT}
    own = fired_of(Suite.AUDIT, audit.checks or ())
    return (*marks, *(item for item in own if item.check.name not in told))


def _row(
    audit: AuditRecord | ReferenceRecord,
    *,
    label: str,
    number: int | None,
    fired: Sequence[FiredCheck],
    size_bytes: int,
    reference: AuditedModel | None,
) -> ComparedModel:
    clean = float(np.mean(audit.is_right))
    return ComparedModel(
        label=label,
        number=number,
        fired=tuple(fired),
        is_checked=audit.checks is not None,
        size_bytes=size_bytes,
        clean_accuracy=clean,
        clean_interval=wilson_interval(clean, len(audit.is_right)),
        clean_comparison=None if reference is None else _compare_clean(audit, reference),
        whole_test=audit.whole_test,
        views=tuple(_worst_of(name, Norm.LINF, audit, reference) for name in _VIEWS),
        attacks=tuple(_under(attack, audit, reference) for attack in audit.attacks if attack.norm is Norm.LINF),
        beyond=tuple(
            _worst_of(_ALL_ATTACKS, norm, audit, reference) for norm in norms_of(audit.attacks) if norm is not Norm.LINF
        ),
    )


def _compare_clean(audit: AuditedModel, reference: AuditedModel) -> Comparison:
    (comparison,) = compare(audit.is_right[None], reference.is_right[None], norm=Norm.LINF, epsilons=(0.0,))
    return comparison


def _worst_of(name: str, norm: Norm, audit: AuditedModel, reference: AuditedModel | None) -> AttackedView:
    """Return how an audited model stands under the worst of the attacks of a norm that the name stands for."""
    ours = surviving(audit.is_right, _VIEWS[name](audit.attacks), norm)
    epsilons, n_examples = radii(audit.attacks, norm), len(audit.is_right)
    if reference is None:
        return _view(name, norm, epsilons, n_examples, ours)
    theirs = surviving(reference.is_right, _VIEWS[name](reference.attacks), norm)
    gain_interval = paired_interval((ours.mean(axis=0) - theirs.mean(axis=0)).tolist())
    return _view(name, norm, epsilons, n_examples, ours, theirs, gain_interval=gain_interval)


def _under(attack: AttackOutcome, audit: AuditedModel, reference: AuditedModel | None) -> AttackedView:
    """Return how an audited model stands under one of its attacks, beside the reference under the same one."""
    theirs = None
    if reference is not None:
        theirs = next(item.kept for item in reference.attacks if (item.name, item.norm) == (attack.name, attack.norm))
    is_whole = attack.n_examples == len(audit.is_right)
    view = _view(attack.name, attack.norm, attack.epsilons, attack.n_examples, attack.kept, theirs)
    return replace(view, counts_earlier=is_whole and bool((audit.is_right & ~attack.standing).any()))


def _view(
    name: str,
    norm: Norm,
    epsilons: tuple[float, ...],
    n_examples: int,
    ours: Flags,
    theirs: Flags | None = None,
    *,
    gain_interval: tuple[float, float] | None = None,
) -> AttackedView:
    accuracy = tuple(float(row.sum()) / n_examples for row in ours)
    comparisons: tuple[Comparison, ...] = ()
    if theirs is not None:
        comparisons = compare(ours, theirs, norm=norm, epsilons=epsilons, n_examples=n_examples)
    return AttackedView(
        name=name,
        norm=norm,
        epsilons=epsilons,
        n_examples=n_examples,
        accuracy=accuracy,
        intervals=tuple(wilson_interval(value, n_examples) for value in accuracy),
        comparisons=comparisons,
        gain_interval=gain_interval,
    )
