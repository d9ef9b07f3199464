"""Data sets, their fixed splits and the input pipeline; TensorFlow only in the front end for sound."""
