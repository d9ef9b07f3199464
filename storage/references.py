"""Which artifacts the database refers to: files of trials, checkpoints of rungs, weights of parents."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.schema import ArtifactRow, CheckpointRow, ParentRow


def all_digests(session: Session) -> set[str]:
    """Return the digests that anything of any study refers to."""
    columns = (ArtifactRow.digest, CheckpointRow.digest, ParentRow.digest)
    return {digest for column in columns for digest in session.scalars(select(column))}


def unreferenced(session: Session, digests: Collection[str]) -> set[str]:
    """Return those of a handful of digests that nothing of any study refers to; each is looked up by index."""
    columns = (ArtifactRow.digest, CheckpointRow.digest, ParentRow.digest)
    used = {digest for column in columns for digest in session.scalars(select(column).where(column.in_(digests)))}
    return set(digests) - used


def uses(session: Session, study_id: int) -> list[tuple[str, str]]:
    """Return what each file of a study is, in words, and its digest."""
    files = select(ArtifactRow).where(ArtifactRow.study_id == study_id)
    checkpoints = select(CheckpointRow).where(CheckpointRow.study_id == study_id)
    parents = select(ParentRow).where(ParentRow.study_id == study_id).order_by(ParentRow.key)
    files = files.order_by(ArtifactRow.number, ArtifactRow.name)
    checkpoints = checkpoints.order_by(CheckpointRow.number, CheckpointRow.rung, CheckpointRow.name)
    return [
        *((f"file {row.name} of trial {row.number}", row.digest) for row in session.scalars(files)),
        *(
            (f"checkpoint {row.name} of trial {row.number} at rung {row.rung}", row.digest)
            for row in session.scalars(checkpoints)
        ),
        *((f"parent {row.key}", row.digest) for row in session.scalars(parents)),
    ]
