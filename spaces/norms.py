"""The norms in which perturbations are measured."""

from enum import StrEnum


class Norm(StrEnum):
    """LINF: the largest change of one coordinate. L2: the Euclidean length of the change."""

    LINF = "linf"
    L2 = "l2"
