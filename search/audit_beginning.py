"""What an audit takes over from earlier ones of the same model: the attacks that both plans begin with.

An attack depends on its settings, its place in the plan and what stands before it. So where a later version's plan
goes on from an earlier one's, only what is new has to be run.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from search.attacks.audit_plan import AuditStep
from search.attacks.audit_suite import covered_examples, outcome_details
from spaces.audit import AttackOutcome
from storage.audit_comparison import AuditedModel

_BESIDE_THE_ATTACKS = {"plan", "n_attacks", "search_steps", "checks_version"}


def longest_beginning(
    plan: Sequence[AuditStep], record: AuditedModel, others: Iterable[AuditedModel]
) -> tuple[AttackOutcome, ...]:
    """Return the outcomes that an audit shares with the one that has most of them; none where nothing fits.

    Args:
        plan: of the audit.
        record: the audit as opened.
        others: audits of the same model.
    """
    fitting = (other for other in others if _has_same_attacks_and_examples(record, other))
    beginnings = (_shared(plan, other.attacks, n_examples=len(record.is_right)) for other in fitting)
    return max(beginnings, key=len, default=())


def _has_same_attacks_and_examples(record: AuditedModel, other: AuditedModel) -> bool:
    # The flags too: on a machine that rounds differently an example may be right that was not tried there.
    same = _of_the_attacks(record.settings) == _of_the_attacks(other.settings)
    return same and np.array_equal(record.is_right, other.is_right)


def _of_the_attacks(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in _BESIDE_THE_ATTACKS}


def _shared(
    plan: Sequence[AuditStep], outcomes: Sequence[AttackOutcome], *, n_examples: int
) -> tuple[AttackOutcome, ...]:
    n_shared = 0
    for step, outcome in zip(plan, outcomes, strict=False):
        planned = step.attack.name, step.norm, covered_examples(step, n_examples), outcome_details(step)
        if planned != (outcome.name, outcome.norm, outcome.n_examples, outcome.details):
            break
        n_shared += 1
    return tuple(outcomes[:n_shared])
