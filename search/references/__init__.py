"""The table of reference models; a new family is a file here and a line in `REFERENCES`."""

from search.references import mlcommons_dscnn, mlcommons_resnet8, plain_resnet8
from search.references.base import LoadReferences
from search.references.pair import FLOAT_SUFFIX
from spaces.errors import SelectionError

REFERENCES: dict[str, LoadReferences] = {
    mlcommons_resnet8.NAME: mlcommons_resnet8.load,
    mlcommons_dscnn.NAME: mlcommons_dscnn.load,
    plain_resnet8.NAME: plain_resnet8.load,
}


def find_references(name: str) -> LoadReferences:
    """Return what reads the models of a family.

    Raises:
        SelectionError: there is no such family.
    """
    if name not in REFERENCES:
        raise SelectionError(f"unknown reference model {name!r}; known: {', '.join(REFERENCES)}.")
    return REFERENCES[name]


def family_of(reference: str) -> str:
    """Return the family of a model, whose int8 model bears its name."""
    return reference.removesuffix(FLOAT_SUFFIX)
