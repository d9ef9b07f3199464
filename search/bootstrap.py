"""The one place where parts meet: it makes engine, repository, data, sampler and evaluator, and hands them down."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaces.errors import DataError, SpecError, StudyMismatchError
from spaces.search_space import SearchSpace
from spaces.spec_files import load_spec, parse_spec
from spaces.study_spec import StudySpec
from storage.artifacts import ArtifactStore, default_root
from storage.audits import AuditRepository
from storage.migrations import upgrade
from storage.records import StudyRecord
from storage.repository import Repository
from storage.sql import check_exists, normalize_url, open_engine

if TYPE_CHECKING:
    from search.data.dataset import Dataset
    from search.listener import Listener
    from search.models.topology import Topology
    from search.worker import Worker

_PARENT_DIGEST = "parent_file_sha256"
_SUITE_VERSION = "search_suite"
_PACKAGES = ("cosearch", "tensorflow", "tf-keras", "qkeras", "optuna", "sqlalchemy", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered, opened: the repositories and the artifacts of one database."""

    url: str
    repository: Repository
    audits: AuditRepository
    artifacts: ArtifactStore


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """What `launch` was given.

    Attributes:
        study: a preset's name or a TOML file.
        storage: database URL or SQLite path.
        data_dir: where data sets are looked for first.
        synthetic: whether drawn images take the data's place, in a study of their own name.
        sampler: a name of `search.sampling.SAMPLERS`.
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


def open_memory(storage: str) -> Memory:
    """Open a database that is there, bring its tables up to date, and open the artifacts beside it.

    Raises:
        StorageError: there is none, it cannot be reached, or it was written by a newer version.
    """
    url = normalize_url(storage)
    check_exists(url)
    return create_memory(storage)


def create_memory(storage: str) -> Memory:
    """Like `open_memory`, but make the database where there is none."""
    url = normalize_url(storage)
    engine = open_engine(url)
    upgrade(engine)
    return Memory(
        url=url,
        repository=Repository(engine),
        audits=AuditRepository(engine),
        artifacts=ArtifactStore(default_root(url)),
    )


def installed_versions() -> dict[str, str]:
    """Return the versions that a study's figures depend on."""
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def prepare_worker(options: LaunchOptions, listener: "Listener", should_stop: Callable[[], bool]) -> "Worker":
    """Create the study or take it up, and return a worker for it.

    Raises:
        SpecError: the specification does not hold, by itself or for this data and topology.
        DataError: the data are not to be had.
        StudyMismatchError: the stored study has another specification or other data.
        StorageError: the database cannot be used.
    """
    from search.models.topologies import make_all_topologies
    from search.sampling import OptunaStudy, check_sampler, open_optuna_storage
    from search.study_data import load_data

    check_sampler(options.sampler)
    spec = load_spec(options.study, overrides=options.overrides)
    if options.synthetic:
        spec = spec.model_copy(update={"name": f"{spec.name}-synthetic"})
    with _errors_name(options.study):
        dataset = load_data(spec, data_dir=options.data_dir, synthetic=options.synthetic)
        topologies = make_all_topologies(spec.topology, input_shape=dataset.input_shape, n_classes=dataset.n_classes)
        space = SearchSpace(spec, topologies[0].slots)
        _check_batches(spec, dataset)
        _check_parent_file(spec, topologies)
    memory = create_memory(options.storage)
    study = _find_or_create(memory.repository, spec, dataset)

    from search.evaluation import Evaluator
    from search.parent_store import ParentStore
    from search.worker import Worker, WorkerParts

    parents = ParentStore(spec, dataset, study_id=study.id, repository=memory.repository, artifacts=memory.artifacts)
    return Worker(
        WorkerParts(
            database_url=memory.url,
            provenance={"versions": installed_versions(), "sampler": options.sampler},
            study=study,
            spec=spec,
            space=space,
            optuna_study=OptunaStudy(
                open_optuna_storage(memory.url),
                spec.name,
                space=space,
                objectives=spec.objective_values(),
                sampler=options.sampler,
                seed=spec.seed,
            ),
            repository=memory.repository,
            artifacts=memory.artifacts,
            evaluator=Evaluator(spec, dataset, parents),
            listener=listener,
            keep_all=options.keep_all,
            should_stop=should_stop,
        )
    )


@contextmanager
def _errors_name(source: str) -> Iterator[None]:
    """Put the study's file or preset in front of what is wrong with it."""
    try:
        yield
    except (SpecError, DataError) as error:
        raise type(error)(f"{source}: {error}") from error


def _check_batches(spec: StudySpec, dataset: "Dataset") -> None:
    """Check what the training settings ask of the data's sizes."""
    for key, batch_size in (("training", spec.training.batch_size), ("parent", spec.parent.batch_size)):
        if batch_size > len(dataset.train):
            raise SpecError(
                f"{key}.batch_size = {batch_size} must lie in [1, {len(dataset.train)}], the number of training "
                "examples that the splits leave."
            )
    if spec.data.shift_pixels >= min(dataset.input_shape[:2]):
        raise SpecError(
            f"data.shift_pixels = {spec.data.shift_pixels} must be smaller than the images, "
            f"{dataset.input_shape[0]} by {dataset.input_shape[1]} pixels."
        )


def _check_parent_file(spec: StudySpec, topologies: "Sequence[Topology]") -> None:
    """Check that the user's float model fits every topology of the study, before the study is stored with it."""
    from search.models.float_weights import load_float_weights

    if spec.parent.file is not None:
        for topology in topologies:
            load_float_weights(Path(spec.parent.file), topology)


def _find_or_create(repository: Repository, spec: StudySpec, dataset: "Dataset") -> StudyRecord:
    from search.attacks.suite import SUITE_VERSION
    from search.study_data import check_same_data

    stored = repository.find_study(spec.name)
    if stored is None:
        return repository.create_study(
            name=spec.name,
            spec=spec.model_dump(mode="json"),
            spec_fingerprint=spec.fingerprint,
            data={**dataset.describe(), _PARENT_DIGEST: _parent_digest(spec), _SUITE_VERSION: SUITE_VERSION},
            versions=installed_versions(),
        )
    stored_spec = parse_spec(stored.spec, source=f"stored study {spec.name!r}")
    differences = _spec_differences(stored_spec.identity(), spec.identity())
    if differences:
        raise StudyMismatchError(
            f"study {spec.name!r} is stored with another specification: {'; '.join(differences)}. "
            "Give the stored values to go on with it, or another name (or --storage) for a new study."
        )
    check_same_data(stored, dataset)
    if stored.data.get(_PARENT_DIGEST) != _parent_digest(spec):
        raise StudyMismatchError(
            f"study {spec.name!r} was started with other weights in parent.file = {spec.parent.file!r}; give the same "
            "file, or another name for a new study."
        )
    suite = stored.data.get(_SUITE_VERSION, 1)
    if suite != SUITE_VERSION:
        raise StudyMismatchError(
            f"study {spec.name!r} was measured with search suite {suite}, this version has suite {SUITE_VERSION}: "
            "their robust accuracies do not compare. Read, audit and export it as it is; give a new study another name."
        )
    return repository.replace_spec(stored.id, spec=spec.model_dump(mode="json"))


def _parent_digest(spec: StudySpec) -> str | None:
    """Return the SHA-256 of the user's float model, None where the study trains its own."""
    return None if spec.parent.file is None else hashlib.sha256(Path(spec.parent.file).read_bytes()).hexdigest()


def _spec_differences(stored: Any, given: Any, key: str = "") -> list[str]:
    """Return 'key: stored -> given' for every leaf that differs."""
    if isinstance(stored, dict) and isinstance(given, dict):
        differences = []
        for name in sorted(stored.keys() | given.keys()):
            path = f"{key}.{name}" if key else name
            differences.extend(_spec_differences(stored.get(name), given.get(name), path))
        return differences
    return [] if stored == given else [f"{key}: stored {stored}, given {given}"]
