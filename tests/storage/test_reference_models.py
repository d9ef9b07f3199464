"""Reference models: stored with every example, shown when all their attacks are done."""

from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine

from dashboards.snapshot import StudySnapshot
from spaces.audit import AttackOutcome, CleanCount
from spaces.check_result import CheckResult
from spaces.errors import SelectionError
from spaces.norms import Norm
from storage.audit_comparison import compare_records
from storage.reference_models import ReferenceModel, ReferenceRecord, ReferenceRepository
from storage.repository import Repository
from tests.builders import create_study

WHOLE_TEST = CleanCount(n_right=6, n_examples=8)
IS_RIGHT = np.array([True, True, True, False])
MODEL = ReferenceModel(name="theirs", title="Theirs, int8", size_bytes=900, source={"file": "theirs.tflite"})
OUTCOME = AttackOutcome(
    name="pgd",
    norm=Norm.LINF,
    epsilons=(0.1, 0.2),
    n_examples=4,
    tried=np.tile(IS_RIGHT, (2, 1)),
    broken=np.array([[1, 0, 0, 0], [1, 1, 0, 0]], bool),
)


def stored(references: ReferenceRepository, study_id: int, *, key: str = "a" * 64, n_attacks: int = 1) -> int:
    settings = {"n_attacks": n_attacks, "seed": 1}
    return references.open_reference(study_id, MODEL, key=key, settings=settings, is_right=IS_RIGHT).id


def finished(references: ReferenceRepository, study_id: int) -> ReferenceRecord:
    reference_id = stored(references, study_id)
    references.save_attack(reference_id, OUTCOME)
    references.save_checks(reference_id, [CheckResult(name="restarts", value=0.5, bound=0.1, passed=False)])
    (record,) = references.references(study_id)
    return record


def test_figures_follow_from_the_stored_examples(engine: Engine) -> None:
    study = create_study(Repository(engine))
    record = finished(ReferenceRepository(engine), study.id)
    assert (record.name, record.title, record.size_bytes, record.source) == (
        "theirs",
        "Theirs, int8",
        900,
        {"file": "theirs.tflite"},
    )
    assert (record.clean_accuracy, record.n_examples) == (0.75, 4)
    assert (record.epsilons, record.worst_case) == ((0.1, 0.2), (0.5, 0.25))
    assert record.robust_accuracy == pytest.approx(0.375)
    assert record.is_complete
    assert record.masking_suspect


def test_reference_that_is_not_finished_is_not_shown(engine: Engine) -> None:
    study, references = create_study(Repository(engine)), ReferenceRepository(engine)
    reference_id = stored(references, study.id, n_attacks=2)
    references.save_attack(reference_id, OUTCOME)
    assert references.references(study.id) == []


def test_same_audit_is_taken_up_and_a_later_one_stands_beside_it(engine: Engine) -> None:
    study, references = create_study(Repository(engine)), ReferenceRepository(engine)
    first = finished(references, study.id)
    assert stored(references, study.id) == first.id
    references.save_attack(first.id, OUTCOME)  # again: stays as it is
    second = stored(references, study.id, key="b" * 64)
    references.save_attack(second, OUTCOME)
    assert [record.id for record in references.references(study.id)] == [first.id, second]


def test_references_belong_to_their_study(engine: Engine) -> None:
    repository, references = Repository(engine), ReferenceRepository(engine)
    study, other = create_study(repository), create_study(repository, name="other")
    record = finished(references, study.id)
    assert references.references(other.id) == []
    empty = StudySnapshot(study=study, trials=(), front_numbers=(), revisions=())
    assert empty.references == ()
    assert [item.id for item in empty.with_references(references).references] == [record.id]


def test_audit_that_another_study_has_is_taken_over_as_far_as_it_is(engine: Engine) -> None:
    repository, references = Repository(engine), ReferenceRepository(engine)
    study, other = create_study(repository), create_study(repository, name="other")
    first = stored(references, study.id, n_attacks=2)
    references.save_attack(first, OUTCOME)
    second = stored(references, other.id, n_attacks=2)
    assert second != first
    references.save_attack(first, replace(OUTCOME, name="square"))
    references.save_whole_test(first, WHOLE_TEST)
    references.save_checks(first, [])
    again = references.open_reference(other.id, MODEL, key="a" * 64, settings={}, is_right=IS_RIGHT)
    (record,) = references.references(other.id)
    assert again.id == record.id == second
    assert [attack.name for attack in record.attacks] == [attack.name for attack in again.attacks] == ["pgd", "square"]
    assert (record.study_id, again.study_id, record.whole_test, record.checks) == (other.id, other.id, WHOLE_TEST, ())
    assert stored(references, other.id, key="b" * 64) != second, "another key is another audit"
    third = create_study(repository, name="third")
    elsewhere = references.open_reference(third.id, MODEL, key="a" * 64, settings={}, is_right=~IS_RIGHT)
    assert elsewhere.attacks == (), "other images are right there"


def test_reference_compares_with_any_audit_of_the_same_examples(engine: Engine) -> None:
    study, references = create_study(Repository(engine)), ReferenceRepository(engine)
    record = finished(references, study.id)
    same = compare_records(record, record)
    assert [(item.accuracies, item.only_first, item.p_value) for item in same] == [
        ((0.5, 0.5), 0, 1.0),
        ((0.25, 0.25), 0, 1.0),
    ]


def test_unknown_study_and_unknown_reference_are_refused(engine: Engine) -> None:
    references = ReferenceRepository(engine)
    with pytest.raises(SelectionError, match="no study has the id 7"):
        stored(references, 7)
    with pytest.raises(SelectionError, match="no reference model has the id 7"):
        references.save_attack(7, OUTCOME)
    with pytest.raises(SelectionError, match="no reference model has the id 7"):
        references.save_checks(7, [])
