"""What the API says of studies and the history of their fronts."""

from datetime import datetime

from pydantic import Field, JsonValue

from dashboards.api.answer import Answer
from storage.records import RevisionRecord, StudyRecord, TrialState
from storage.study_progress import StudyProgress


class Revision(Answer):
    """One state of a study's front."""

    revision: int
    trial_number: int | None = Field(description="The trial that made it; null for revision 0, the empty front.")
    hypervolume: float
    size: int
    created_at: datetime

    @classmethod
    def of(cls, record: RevisionRecord) -> "Revision":
        """Return what the API says of a stored revision."""
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Study(Answer):
    """A study in brief."""

    name: str
    data: str
    is_synthetic: bool = Field(description="A dry run on drawn images, whose figures mean nothing.")
    data_note: str = Field(description="What a reader of the figures has to know of the data; empty for nothing.")
    trial_budget: int | None
    trials: dict[TrialState, int]
    workers_alive: int
    front: Revision
    trials_per_hour: float | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, progress: StudyProgress, *, workers_alive: int) -> "Study":
        """Return what the API says of a study's progress."""
        study = progress.study
        return cls(
            name=study.name,
            data=str(study.data.get("name", "")),
            is_synthetic=study.is_synthetic,
            data_note=study.data_note,
            trial_budget=study.spec.get("budget", {}).get("trials"),
            trials=dict(progress.counts),
            workers_alive=workers_alive,
            front=Revision.of(progress.revision),
            trials_per_hour=progress.trials_per_hour,
            created_at=study.created_at,
            started_at=progress.started_at,
            finished_at=progress.finished_at,
        )


class Studies(Answer):
    """All studies, oldest first."""

    studies: list[Study]


class StudyDetail(Answer):
    """What a study was made from."""

    name: str
    spec: dict[str, JsonValue]
    spec_fingerprint: str
    data: dict[str, JsonValue]
    versions: dict[str, str]
    created_at: datetime

    @classmethod
    def of(cls, record: StudyRecord) -> "StudyDetail":
        """Return what the API says of a stored study."""
        return cls(**{name: getattr(record, name) for name in cls.model_fields})


class Revisions(Answer):
    """The front's history, ascending."""

    revisions: list[Revision]
