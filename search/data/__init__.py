"""Data sets, their fixed splits and the input pipeline; no TensorFlow here."""
