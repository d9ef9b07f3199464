"""What families are given, in tests."""

from typing import Any

from search.data.dataset import Dataset
from search.data.roots import search_roots
from search.evaluation import Watch
from search.references.base import ReferenceContext
from spaces.study_spec import StudySpec
from tests.search.trained_digits import digits_spec


def context_of(dataset: Dataset, *, spec: StudySpec | None = None, parents: Any = None) -> ReferenceContext:
    """Return what a family is given that looks for its files where the environment says, and keeps nothing."""
    return ReferenceContext(
        spec=spec or digits_spec(),
        dataset=dataset,
        roots=search_roots(None),
        parents=lambda _: parents,
        watch=Watch(on_parent=lambda _: None, on_progress=lambda _: None, should_stop=lambda: False),
    )
