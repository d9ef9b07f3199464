"""Where commands get the snapshot of a study that figures and tables are made of."""

from dashboards.reading import read_snapshot

__all__ = ["read_snapshot"]
