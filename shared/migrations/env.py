"""Alembic's environment: migrate over the connection that `shared.database.migrate` holds the lock with."""

from alembic import context, op
from sqlalchemy import text

from shared.migrations.auditor import admit_auditor


def admit(*_: object, **__: object) -> None:
    """Whatever a revision has added, the auditor reads what it needs of it; in the revision's own transaction."""
    op.execute(text(admit_auditor(context.config.attributes["readable"])))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    # So that a revision may hold locks no longer than it needs them, and may leave its transaction (`tables.py`).
    transaction_per_migration=True,
    on_version_apply=admit,
)
with context.begin_transaction():
    context.run_migrations()
