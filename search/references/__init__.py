"""The table of reference models; a new family is a file here and a line in `REFERENCES`."""

from search.references import mlcommons_resnet8
from search.references.base import LoadReferences
from spaces.errors import SelectionError

REFERENCES: dict[str, LoadReferences] = {mlcommons_resnet8.NAME: mlcommons_resnet8.load}


def find_references(name: str) -> LoadReferences:
    """Return what reads the models of a family.

    Raises:
        SelectionError: there is no such family.
    """
    if name not in REFERENCES:
        raise SelectionError(f"unknown reference model {name!r}; known: {', '.join(REFERENCES)}.")
    return REFERENCES[name]
