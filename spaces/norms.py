"""The norms in which perturbations are measured."""

from enum import StrEnum


class Norm(StrEnum):
    """LINF: the largest change of one coordinate. L2: the Euclidean length of the change.

    Two more measure what is done to the recording from which an input is made, through the front end. WAVEFORM: the
    largest change of a sample, in steps of 16 bits. SNR: the Euclidean length of the change as a fraction of the
    recording's; 0.01 is a signal-to-noise ratio of 40 dB.
    """

    LINF = "linf"
    L2 = "l2"
    WAVEFORM = "waveform"
    SNR = "snr"

    @property
    def geometry(self) -> "Norm":
        """The ball's shape, L-inf or L2, in the coordinates of what is attacked."""
        return _GEOMETRY[self]


INPUT_NORMS = (Norm.LINF, Norm.L2)
WAVEFORM_NORMS = (Norm.WAVEFORM, Norm.SNR)

_GEOMETRY = {Norm.LINF: Norm.LINF, Norm.L2: Norm.L2, Norm.WAVEFORM: Norm.LINF, Norm.SNR: Norm.L2}
