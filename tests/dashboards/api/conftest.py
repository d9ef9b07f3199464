"""A small study whose every figure is known, and the API over it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pytest
from sqlalchemy import Engine

from dashboards.api.app import make_api
from dashboards.api.resources import Resources
from spaces.audit import AttackOutcome, CleanCount
from spaces.check_result import CheckResult
from spaces.norms import Norm
from storage.audits import AuditRepository
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.reference_models import ReferenceModel, ReferenceRepository
from storage.refinements import RefinementRepository, RefinementRun
from storage.repository import Repository
from storage.rungs import RungRepository
from storage.sql import open_engine
from storage.workers import WorkerIdentity, WorkerRepository
from tests.builders import build_failure, build_measurement, build_outcome, claim_trial, create_study, run_trial

PREFIX = "/cosearch/api"
DIGEST = "a" * 64


def resources_of(engine: Engine) -> Resources:
    return Resources(
        repository=Repository(engine),
        audits=AuditRepository(engine),
        workers=WorkerRepository(engine),
        rungs=RungRepository(engine),
        refinements=RefinementRepository(engine),
        references=ReferenceRepository(engine),
    )


@dataclass(frozen=True, slots=True)
class Api:
    """The application and a short way to its answers."""

    app: flask.Flask

    def get(self, path: str, **request: Any) -> Any:
        return self.app.test_client().get(PREFIX + path, **request)

    def json(self, path: str) -> Any:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json


def write_study(engine: Engine) -> None:
    """Trials 0 and 1 on the front, 2 dominated, 3 failed, 4 running; 0 has a rung, an audit and a refinement."""
    study = create_study(Repository(engine))
    claims = ClaimRepository(engine)
    lease = claim_trial(claims, study.id, 0).lease
    RungRepository(engine).record(
        lease, 0, measurement=build_measurement(0.4, 0.1, size_bytes=500), goes_on=True, decision={"rank": 0}
    )  # fmt: skip
    claims.finish(lease, build_outcome(0.5, 0.25, size_bytes=500), artifacts={"model.h5": DIGEST})
    run_trial(claims, study.id, 1, build_outcome(0.8, 0.1, size_bytes=900))
    run_trial(claims, study.id, 2, build_outcome(0.4, 0.2, size_bytes=600))
    run_trial(claims, study.id, 3, build_failure("loss is not finite"))
    claim_trial(claims, study.id, 4)
    write_audit(engine, study.id)
    write_reference(engine, study.id)
    WorkerRepository(engine).join(study.id, WorkerIdentity(name="w1", host="node7", pid=1, n_threads=2), within_s=60.0)
    RefinementRepository(engine).save(
        study.id,
        RefinementRun(
            number=0, epochs=3, repeat=0, seed=7, measurement=build_measurement(0.6, 0.3, size_bytes=500), reason=None,
            timings={}, details={},
        ),
    )  # fmt: skip


PGD = AttackOutcome(
    name="pgd",
    norm=Norm.LINF,
    epsilons=(0.1, 0.2),
    n_examples=4,
    tried=np.array([[True, True, True, False], [True, True, True, False]]),
    broken=np.array([[True, False, False, False], [True, True, False, False]]),
    distances=np.array([0.1, 0.2, np.inf, np.nan], dtype=np.float32),
    elapsed_s=1.0,
)
WHOLE_TEST = CleanCount(n_right=6, n_examples=8)
IS_RIGHT = np.array([True, True, True, False])
SETTINGS = {"n_attacks": 1, "seed": 0}


def write_audit(engine: Engine, study_id: int) -> None:
    audits = AuditRepository(engine)
    audit = audits.open_audit(study_id, number=0, key="k", settings=SETTINGS, is_right=IS_RIGHT)
    audits.save_whole_test(audit.id, WHOLE_TEST)
    audits.save_attack(audit.id, PGD)
    audits.save_checks(audit.id, [CheckResult(name="c", value=float("inf"), bound=1.0, passed=False)])


def write_reference(engine: Engine, study_id: int) -> None:
    references = ReferenceRepository(engine)
    model = ReferenceModel(name="published", title="Published", size_bytes=96_000, source={"url": "u"})
    opened = references.open_reference(study_id, model, key="k", settings=SETTINGS, is_right=IS_RIGHT)
    references.save_whole_test(opened.id, WHOLE_TEST)
    references.save_attack(opened.id, PGD)


def open_database(folder: Path) -> Engine:
    engine = open_engine(f"sqlite:///{folder}/studies.db")
    upgrade(engine)
    return engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return the database of the small study, for reading."""
    engine = open_database(tmp_path_factory.mktemp("api"))
    write_study(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def api(engine: Engine) -> Api:
    return Api(make_api(resources_of(engine), prefix=PREFIX))


@pytest.fixture
def empty_api(tmp_path: Path) -> Iterator[Api]:
    engine = open_database(tmp_path)
    yield Api(make_api(resources_of(engine), prefix=PREFIX))
    engine.dispose()
