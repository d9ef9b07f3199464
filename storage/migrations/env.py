"""What Alembic runs for every command: it gets an open connection and sees only our own tables."""

from alembic import context

import storage.audit_schema  # noqa: F401 its tables are in Row.metadata once it is imported
from storage.schema import TABLE_PREFIX, VERSION_TABLE, Row


def include_object(_object: object, name: str | None, type_: str, _reflected: bool, _compare_to: object | None) -> bool:
    """Return whether Alembic may look at an object: Optuna's tables in the same database are not ours."""
    return type_ != "table" or (name or "").startswith(TABLE_PREFIX)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    version_table=VERSION_TABLE,
    include_object=include_object,
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
