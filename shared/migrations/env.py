"""Alembic's environment: migrate over the connection that `shared.database.migrate` holds the lock with."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
