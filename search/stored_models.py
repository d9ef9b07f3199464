"""The model that a trial stored, read back from the artifacts."""

from collections.abc import Mapping

from search.models.trained_model import TrainedModel
from spaces.errors import ArtifactError
from storage.artifacts import ArtifactStore
from storage.records import StudyRecord


def load_stored_model(
    study: StudyRecord, number: int, *, digests: Mapping[str, str], artifacts: ArtifactStore
) -> TrainedModel:
    """Return the trained model of a trial.

    Args:
        study: the trial's study.
        number: of the trial.
        digests: `Repository.artifacts` of the trial, file name -> digest.
        artifacts: where the files are.

    Raises:
        ArtifactError: the trial's model is not stored any more, or is damaged.
    """
    if not digests:
        raise ArtifactError(
            f"trial {number} of study {study.name!r} has no stored model: models that left the front are removed. "
            "Choose a trial of the front, or launch with --keep-all."
        )
    return TrainedModel.from_files({name: artifacts.get(digest) for name, digest in digests.items()})
