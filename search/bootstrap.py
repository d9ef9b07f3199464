"""The one place where parts meet: it makes engine, repository, data, sampler and evaluator, and hands them down."""

import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.processes import this_worker
from search.versions import installed_versions
from spaces.errors import DataError, SelectionError, SpecError
from spaces.search_space import SearchSpace
from spaces.spec_files import load_spec, parse_spec
from spaces.study_spec import StudySpec
from storage.artifact_bucket import open_artifacts
from storage.artifacts import ArtifactStore
from storage.audits import AuditRepository
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.parent_leases import ParentLeases
from storage.records import StudyRecord
from storage.reference_models import ReferenceRepository
from storage.refinements import RefinementRepository
from storage.repository import Repository
from storage.retrying import retrying
from storage.rungs import RungRepository
from storage.sql import check_exists, is_missing, masked, normalize_url, open_engine
from storage.workers import WorkerRepository

if TYPE_CHECKING:
    from search.data.dataset import Dataset
    from search.listener import Listener
    from search.parent_store import ParentStore
    from search.patience import Patience
    from search.sampling import OptunaStudy
    from search.worker import Worker

_log = logging.getLogger(__name__)

DEFAULT_LEASE_S = 60.0

_START_S = 120.0  # how long a start waits for a database that is away


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered, opened: the repositories and the artifacts of one database."""

    url: str
    repository: Repository
    claims: ClaimRepository
    workers: WorkerRepository
    rungs: RungRepository
    parent_leases: ParentLeases
    audits: AuditRepository
    references: ReferenceRepository
    refinements: RefinementRepository
    artifacts: ArtifactStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What `launch` was given.

    Attributes:
        study: a preset's name or a TOML file.
        storage: database URL or SQLite path.
        data_dir: where data sets are looked for first.
        synthetic: whether drawn images take the data's place, in a study of their own name.
        sampler: a name of `search.samplers.SAMPLERS`.
        keep_all: keep the models that left the front too.
        overrides: dotted keys of the specification that flags replace.
    """

    study: str
    storage: str
    data_dir: Path | None
    synthetic: bool
    sampler: str
    keep_all: bool
    overrides: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What a worker of a stored study was given.

    Attributes:
        study: its name in the database.
        storage: database URL or SQLite path.
        data_dir: where data sets are looked for first.
        name: of the worker, unique among those that live; None for host and process id. A worker that is restarted
            under its old name gets its own trial back at once.
        sampler: a name of `search.samplers.SAMPLERS`.
        keep_all: keep the models that left the front too.
        lease_s: seconds after which the trial of a worker that fell silent may be taken over.
    """

    study: str
    storage: str
    data_dir: Path | None
    name: str | None
    sampler: str
    keep_all: bool
    lease_s: float = DEFAULT_LEASE_S


def open_memory(storage: str) -> Memory:
    """Open a database that is there, bring its tables up to date, and open its artifacts.

    Raises:
        StorageError: there is none, it cannot be reached, or it was written by a newer version.
        SetupError: SEARCH_ARTIFACTS names a bucket that cannot be used.
    """
    url = normalize_url(storage)
    check_exists(url)
    return create_memory(storage)


def create_memory(storage: str) -> Memory:
    """Like `open_memory`, but make the database where there is none."""
    url = normalize_url(storage)
    artifacts = open_artifacts(url)  # first, so that no database is made for a bucket that cannot be used
    engine = open_engine(url)
    upgrade(engine)
    return Memory(
        url=url,
        repository=Repository(engine),
        claims=ClaimRepository(engine),
        workers=WorkerRepository(engine),
        rungs=RungRepository(engine),
        parent_leases=ParentLeases(engine),
        audits=AuditRepository(engine),
        references=ReferenceRepository(engine),
        refinements=RefinementRepository(engine),
        artifacts=artifacts,
    )


def prepare_study(options: LaunchOptions) -> StudyRecord:
    """Create the study or take it up, with everything in the database that workers need; nothing is trained.

    Raises:
        SpecError: the specification does not hold, by itself or for this data and topology.
        DataError: the data are not to be had.
        SelectionError: the database has no study that `warm_start.study` names.
        StudyMismatchError: the stored study has another specification, other data or another version of Optuna.
        StorageError: the database cannot be used.
    """
    return _prepare(options).study


def prepare_worker(options: LaunchOptions, listener: "Listener", should_stop: Callable[[], bool]) -> "Worker":
    """Create the study or take it up, and return a worker for it.

    Raises:
        SpecError: the specification does not hold, by itself or for this data and topology.
        DataError: the data are not to be had.
        SelectionError: the database has no study that `warm_start.study` names.
        StudyMismatchError: the stored study has another specification, other data or another version of Optuna.
        StorageError: the database cannot be used.
    """
    prepared = _prepare(options)
    own = WorkerOptions(
        study=prepared.study.name,
        storage=options.storage,
        data_dir=options.data_dir,
        name=None,
        sampler=options.sampler,
        keep_all=options.keep_all,
    )
    return _make_worker(prepared, own, listener, should_stop)


def join_worker(options: WorkerOptions, listener: "Listener", should_stop: Callable[[], bool]) -> "Worker":
    """Return a worker for a study that is stored, which may have other workers.

    Raises:
        SelectionError: the database has no study of that name.
        SpecError: there is no such sampler.
        DataError: the data are not to be had.
        StudyMismatchError: the study was started on other data, or with another version of Optuna.
        StorageError: there is no database, or it cannot be used.
    """
    from search.models.topologies import make_all_topologies
    from search.samplers import check_sampler
    from search.study_data import load_data
    from search.study_identity import check_fits, check_same_study

    check_sampler(options.sampler)
    memory = _wait_for(lambda: open_memory(options.storage))
    study = memory.repository.get_study(options.study)
    spec = parse_spec(study.spec, source=f"stored study {study.name!r}")
    dataset = load_data(spec, data_dir=options.data_dir, synthetic=study.is_synthetic)
    topologies = make_all_topologies(spec.topology, input_shape=dataset.input_shape, n_classes=dataset.n_classes)
    check_fits(spec, dataset, topologies)
    check_same_study(study, spec, dataset)
    prepared = _Prepared(
        memory=memory, study=study, spec=spec, dataset=dataset, space=SearchSpace(spec, topologies[0].slots)
    )
    return _make_worker(prepared, options, listener, should_stop)


def open_parents(
    memory: Memory, study: StudyRecord, spec: StudySpec, dataset: "Dataset", patience: "Patience"
) -> "ParentStore":
    """Return where the float parents of a study are kept that are made as a specification says."""
    from search.parent_store import ParentStore

    return ParentStore(
        spec,
        dataset,
        study_id=study.id,
        repository=memory.repository,
        artifacts=memory.artifacts,
        patience=patience,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A study that is stored, and what belongs to it."""

    memory: Memory
    study: StudyRecord
    spec: StudySpec
    dataset: "Dataset"
    space: SearchSpace


def _prepare(options: LaunchOptions) -> _Prepared:
    from search.models.topologies import make_all_topologies
    from search.samplers import check_sampler
    from search.study_data import load_data
    from search.study_identity import check_fits, find_or_create
    from search.trials.taken_over import taken_over

    check_sampler(options.sampler)
    spec = load_spec(options.study, overrides=options.overrides)
    if options.synthetic:
        spec = spec.model_copy(update={"name": f"{spec.name}-synthetic"})
    with _errors_name(options.study):
        dataset = load_data(spec, data_dir=options.data_dir, synthetic=options.synthetic)
        topologies = make_all_topologies(spec.topology, input_shape=dataset.input_shape, n_classes=dataset.n_classes)
        space = SearchSpace(spec, topologies[0].slots)
        check_fits(spec, dataset, topologies)
    memory = _open_for(spec, options.storage)
    study = find_or_create(memory.repository, spec, dataset)
    prepared = _Prepared(memory=memory, study=study, spec=spec, dataset=dataset, space=space)
    others = taken_over(memory.repository, study, spec, space)
    if others is not None:
        _log.warning("%s", others.sentence())  # no warning, but what a person who named a study wants to read
    _open_optuna_study(prepared, options.sampler)  # so that workers which start together find its tables
    return prepared


def _open_for(spec: StudySpec, storage: str) -> Memory:
    """Open or make the database of a study; none is made where it must have another study already."""
    earlier, url = spec.warm_start.study, normalize_url(storage)
    if earlier is not None and is_missing(url):
        raise SelectionError(
            f"no study {earlier!r} to begin with: there is no database {masked(url)}; give the --storage that has it."
        )
    memory = _wait_for(lambda: create_memory(storage))
    if earlier is not None:
        memory.repository.get_study(earlier)
    return memory


def _wait_for(open_database: Callable[[], Memory]) -> Memory:
    """Open a database that may be away: a start in the middle of an outage waits like those that train."""
    return retrying(open_database, deadline_s=_START_S, rng=random.Random())


def _open_optuna_study(prepared: _Prepared, sampler: str) -> "OptunaStudy":
    from search.sampling import OptunaStudy, open_optuna_storage

    return OptunaStudy(
        open_optuna_storage(prepared.memory.url),
        prepared.spec.name,
        space=prepared.space,
        objectives=prepared.spec.objective_values(),
        sampler=sampler,
        seed=prepared.spec.seed,
    )


def _make_worker(
    prepared: _Prepared, options: WorkerOptions, listener: "Listener", should_stop: Callable[[], bool]
) -> "Worker":
    from search.evaluation import Evaluator
    from search.patience import Patience
    from search.shared_parents import SharedParents
    from search.trials.kept_models import StudyModels
    from search.trials.outbox import Outbox
    from search.trials.parts import WorkerParts
    from search.worker import Worker

    memory, study, spec = prepared.memory, prepared.study, prepared.spec
    identity = this_worker(options.name)
    # Not seeded by the study: workers that lost the same server must not come back in the same moment.
    patience = Patience(should_stop, rng=random.Random())
    parents = SharedParents(
        open_parents(memory, study, spec, prepared.dataset, patience),
        memory.parent_leases,
        study_id=study.id,
        worker=identity.name,
        lease_s=options.lease_s,
        patience=patience,
        on_wait=listener.parent_awaited,
    )
    kept = StudyModels(
        study, prepared.space, repository=memory.repository, artifacts=memory.artifacts, patience=patience
    )
    return Worker(
        WorkerParts(
            identity=identity,
            lease_s=options.lease_s,
            provenance={"versions": installed_versions(), "sampler": options.sampler},
            study=study,
            spec=spec,
            space=prepared.space,
            optuna_study=patience(lambda: _open_optuna_study(prepared, options.sampler)),
            repository=memory.repository,
            claims=memory.claims,
            workers=memory.workers,
            rungs=memory.rungs,
            artifacts=memory.artifacts,
            outbox=Outbox(memory.artifacts.root / "outbox", identity),
            evaluator=Evaluator(spec, prepared.dataset, parents, kept if spec.warm_start.inherit else None),
            listener=listener,
            keep_all=options.keep_all,
            should_stop=should_stop,
            patience=patience,
        )
    )


@contextmanager
def _errors_name(source: str) -> Iterator[None]:
    """Put the study's file or preset in front of what is wrong with it."""
    try:
        yield
    except (SpecError, DataError) as error:
        raise type(error)(f"{source}: {error}") from error
