"""Which artifacts the database refers to: files of trials and refinements, checkpoints of rungs, parents' weights."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.schema import ArtifactRow, CheckpointRow, ParentRow, RefinementArtifactRow

_COLUMNS = (ArtifactRow.digest, CheckpointRow.digest, ParentRow.digest, RefinementArtifactRow.digest)


def all_digests(session: Session) -> set[str]:
    """Return the digests that anything of any study refers to."""
    return {digest for column in _COLUMNS for digest in session.scalars(select(column))}


def unreferenced(session: Session, digests: Collection[str]) -> set[str]:
    """Return those of a handful of digests that nothing of any study refers to; each is looked up by index."""
    used = {digest for column in _COLUMNS for digest in session.scalars(select(column).where(column.in_(digests)))}
    return set(digests) - used


def uses(session: Session, study_id: int) -> list[tuple[str, str]]:
    """Return what each file of a study is, in words, and its digest."""
    files = select(ArtifactRow).where(ArtifactRow.study_id == study_id)
    checkpoints = select(CheckpointRow).where(CheckpointRow.study_id == study_id)
    parents = select(ParentRow).where(ParentRow.study_id == study_id).order_by(ParentRow.key)
    refined = select(RefinementArtifactRow).where(RefinementArtifactRow.study_id == study_id)
    files = files.order_by(ArtifactRow.number, ArtifactRow.name)
    checkpoints = checkpoints.order_by(CheckpointRow.number, CheckpointRow.rung, CheckpointRow.name)
    refined = refined.order_by(
        RefinementArtifactRow.number,
        RefinementArtifactRow.epochs,
        RefinementArtifactRow.seed,
        RefinementArtifactRow.name,
    )
    return [
        *((f"file {row.name} of trial {row.number}", row.digest) for row in session.scalars(files)),
        *(
            (f"checkpoint {row.name} of trial {row.number} at rung {row.rung}", row.digest)
            for row in session.scalars(checkpoints)
        ),
        *((f"parent {row.key}", row.digest) for row in session.scalars(parents)),
        *(
            (f"file {row.name} of trial {row.number} refined for {row.epochs} epochs, seed {row.seed}", row.digest)
            for row in session.scalars(refined)
        ),
    ]
