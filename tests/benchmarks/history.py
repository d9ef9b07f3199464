"""A long history for `tests.benchmarks.bookkeeping`: finished trials in our tables and Optuna's, inserted in bulk."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Engine, select

from search.sampling import OptunaStudy, open_optuna_storage
from spaces.layer_policy import LayerKind
from spaces.measurement import Measurement
from spaces.search_space import LayerSlot, ParamValue, SearchSpace
from storage.artifacts import ArtifactStore, default_root
from storage.conversion import plain_json
from storage.migrations import upgrade
from storage.records import StudyRecord, TrialOutcome, TrialState
from storage.repository import Repository
from storage.schema import RungRow, TrialRow
from storage.sql import normalize_url, open_engine, write_engine
from storage.study_check import StudyChecker
from tests.builders import build_measurement, build_spec, create_study

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import optuna
    from optuna.storages._rdb import models
    from optuna.study._constrained_optimization import _CONSTRAINTS_KEY

N_PARAMETERS = 40
_N_CONSTRAINTS = 1
_BATCH = 500
_START = datetime(2026, 1, 1, tzinfo=UTC)


def build_space() -> SearchSpace:
    """Return a space of 40 parameters: 14 layers, a width and the training's settings."""
    slots = [
        LayerSlot(name=f"l{index}", has_activation=index < 12, has_jacobian_term=True, kind=LayerKind.CONV2D)
        for index in range(14)
    ]
    space = SearchSpace(build_spec(), slots)
    n_parameters = sum(len(parameter.choices) > 1 for parameter in space.parameters)
    if n_parameters != N_PARAMETERS:
        raise RuntimeError(f"the benchmark needs {N_PARAMETERS} parameters; its space has {n_parameters}.")
    return space


def draw_outcome(rng: np.random.Generator) -> TrialOutcome:
    """Return a measured trial whose details are as large as those of a real one."""
    return TrialOutcome(
        state=TrialState.COMPLETE,
        measurement=_draw_measurement(rng),
        timings={"training_s": 1.5},
        details={"curve": [0.5] * 60, "parent": "p"},
    )


@dataclass(frozen=True, kw_only=True)
class History:
    """A study with many finished trials, open in our tables and in Optuna's."""

    engine: Engine
    study: StudyRecord
    space: SearchSpace
    optuna_study: OptunaStudy


def write_history(url: str, *, n_trials: int) -> History:
    """Create a study of `n_trials` finished trials in an empty database."""
    url = normalize_url(url)
    engine = open_engine(url)
    upgrade(engine)
    study, space = create_study(Repository(engine)), build_space()
    rng = np.random.default_rng(0)
    params = [_draw_params(space, rng) for _ in range(n_trials)]
    measurements = [_draw_measurement(rng) for _ in range(n_trials)]
    open_optuna_study(url, space)
    _fill_ours(engine, study, space, params, measurements)
    _fill_optunas(engine, params, measurements, space)
    optuna_study = open_optuna_study(url, space)  # without what the first one has read
    return History(engine=engine, study=study, space=space, optuna_study=optuna_study)


def open_optuna_study(url: str, space: SearchSpace) -> OptunaStudy:
    """Open Optuna's side of the study as a worker does when it starts."""
    objectives = build_spec().objective_values()
    return OptunaStudy(open_optuna_storage(url), "tiny", space=space, objectives=objectives, sampler="tpe", seed=0)


def _draw_params(space: SearchSpace, rng: np.random.Generator) -> dict[str, ParamValue]:
    return {item.name: item.choices[int(rng.integers(len(item.choices)))] for item in space.parameters}


def _draw_measurement(rng: np.random.Generator) -> Measurement:
    clean, robust, size = rng.random(3)
    return build_measurement(float(clean), float(clean * robust), size_bytes=int(1 + 999 * size))


def _fill_ours(
    engine: Engine,
    study: StudyRecord,
    space: SearchSpace,
    params: Sequence[Mapping[str, ParamValue]],
    measurements: Sequence[Measurement],
) -> None:
    outcome = draw_outcome(np.random.default_rng(0))
    rows, rungs = [], []
    for number, (values, measurement) in enumerate(zip(params, measurements, strict=True)):
        candidate, at = space.decode(values), _START + timedelta(seconds=number)
        rows.append(
            {
                "study_id": study.id,
                "number": number,
                "state": TrialState.COMPLETE.value,
                "candidate": plain_json(candidate.to_json()),
                "candidate_fingerprint": candidate.fingerprint,
                "seed": number,
                "measurement": plain_json(measurement.to_json()),
                "violations": [],
                "timings": outcome.timings,
                "details": outcome.details,
                "owner": "w1",
                "is_told": True,
                "started_at": at,
                "finished_at": at,
            }
        )
        at_rung = {"measurement": rows[-1]["measurement"], "epochs": measurement.epochs, "created_at": at}
        rungs.append({"study_id": study.id, "number": number, "rung": 0, "goes_on": True, "decision": {}, **at_rung})
    with write_engine(engine).begin() as connection:
        for table, values in ((TrialRow, rows), (RungRow, rungs)):
            for batch in _batches(values):
                connection.execute(table.__table__.insert(), batch)
    StudyChecker(engine, ArtifactStore(default_root("studies.db"))).repair_front(study.id)


def _fill_optunas(
    engine: Engine,
    params: Sequence[Mapping[str, ParamValue]],
    measurements: Sequence[Measurement],
    space: SearchSpace,
) -> None:
    distributions = {
        item.name: optuna.distributions.CategoricalDistribution(item.choices)
        for item in space.parameters
        if len(item.choices) > 1
    }
    as_json = {name: optuna.distributions.distribution_to_json(value) for name, value in distributions.items()}
    objectives = [objective.name for objective in build_spec().objective_values()]
    rows: dict[Any, list[dict[str, Any]]] = {models.TrialParamModel: [], models.TrialValueModel: []}
    rows[models.TrialSystemAttributeModel] = []
    with write_engine(engine).begin() as connection:
        (study_id,) = connection.execute(select(models.StudyModel.study_id)).scalars()
        at = {"datetime_start": _START.replace(tzinfo=None), "datetime_complete": _START.replace(tzinfo=None)}
        trial = {"study_id": study_id, "state": optuna.trial.TrialState.COMPLETE, **at}
        trials = [{**trial, "number": number} for number in range(len(params))]
        for batch in _batches(trials):
            connection.execute(models.TrialModel.__table__.insert(), batch)
        query = select(models.TrialModel.number, models.TrialModel.trial_id)
        ids = {row.number: row.trial_id for row in connection.execute(query)}
        for number, (values, measurement) in enumerate(zip(params, measurements, strict=True)):
            rows[models.TrialParamModel] += [
                {
                    "trial_id": ids[number],
                    "param_name": name,
                    "param_value": distribution.to_internal_repr(values[name]),
                    "distribution_json": as_json[name],
                }
                for name, distribution in distributions.items()
            ]
            rows[models.TrialValueModel] += [
                {
                    "trial_id": ids[number],
                    "objective": index,
                    "value": measurement.metric(name),
                    "value_type": models.TrialValueModel.TrialValueType.FINITE,
                }
                for index, name in enumerate(objectives)
            ]
            rows[models.TrialSystemAttributeModel] += [
                {"trial_id": ids[number], "key": f"{_CONSTRAINTS_KEY}:constraint {index}", "value_json": "0.0"}
                for index in range(_N_CONSTRAINTS)
            ]
        for model, values in rows.items():
            for batch in _batches(values):
                connection.execute(model.__table__.insert(), batch)


def _batches(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
