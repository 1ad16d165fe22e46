"""Alembic's environment: migrate over the connection that `shared.database.migrate` holds the lock with."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    # So that a revision may hold locks no longer than it needs them, and may leave its transaction (`indexes.py`).
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
