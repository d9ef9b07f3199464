"""The C export: a network as an integer program, its memory, its source, and the runs that prove it."""
