"""Compares a service's table descriptions with what its revisions have made."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData

from shared.database import create_engine


async def differences(url: str, metadata: MetaData) -> list[Any]:
    """What would have to change for the database to match `metadata`; tables unknown to it are passed over."""

    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name in metadata.tables

    def compare(connection: Connection) -> list[Any]:
        options = {
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    database = create_engine(url, application_name="tests")
    try:
        async with database.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await database.dispose()
