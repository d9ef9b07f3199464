"""The steps of the schema, one file each; a released step is never changed."""
