"""What a family of reference models supplies: each of its models, ready to be audited."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.audit_models import AuditModels
from search.data.dataset import Dataset
from search.evaluation import Watch
from search.parents import ParentSource
from spaces.errors import DataError
from spaces.study_spec import StudySpec
from storage.reference_models import ReferenceModel


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedReference:
    """A reference model that can be audited.

    Attributes:
        model: what is stored of it.
        models: loads what is attacked, and what stands in for it.
        digests: file name -> SHA-256 of the files that it is read from.
    """

    model: ReferenceModel
    models: Callable[[], AuditModels]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceContext:
    """What the models of a family are made with, and for.

    Attributes:
        spec: of the study in which they are audited.
        dataset: the study's.
        roots: folders to look for published files in, first to last.
        parents: returns where float networks are kept that are trained as a specification says.
        watch: follows their training.
    """

    spec: StudySpec
    dataset: Dataset
    roots: Sequence[Path]
    parents: Callable[[StudySpec], ParentSource]
    watch: Watch


class LoadReferences(Protocol):
    """Makes the models of one family ready."""

    def __call__(self, context: ReferenceContext) -> tuple[LoadedReference, ...]:
        """Return the models of the family, the one that a device gets first.

        Raises:
            SpecError: they do not classify what the data set has.
            DataError: a file is missing, or is not the published one.
            SetupError: a library that they need is not installed.
            ParentError: one that is trained here could not be trained.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFile:
    """A file as its authors published it.

    Attributes:
        path: below a folder of data.
        sha256: of its content.
        address: where it can be had.
    """

    path: str
    sha256: str
    address: str

    def read(self, roots: Sequence[Path]) -> tuple[Path, bytes]:
        """Return where the file is and its content.

        Raises:
            DataError: no folder has it, or it has another content.
        """
        found = next((root / self.path for root in roots if (root / self.path).is_file()), None)
        if found is None:
            looked = ", ".join(str(root) for root in roots) or "no folder, because none is named"
            raise DataError(
                f"{self.path} was not found; looked in {looked}. Get it from {self.address}, put it below the folder "
                "of --data-dir or SEARCH_DATA_DIR and run the command again."
            )
        content = found.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256:
            raise DataError(
                f"{found} is not the published file: SHA-256 {self.sha256[:12]} is expected, it has {digest[:12]}. "
                f"Get it from {self.address} again."
            )
        return found, content


def digests_of(*files: ReferenceFile) -> dict[str, str]:
    """Return path -> SHA-256 of files that a model is read from."""
    return {file.path: file.sha256 for file in files}
