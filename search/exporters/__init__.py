"""Export formats; a new one is a file here and a line in `search.exporters.bundle.EXPORTERS`."""
