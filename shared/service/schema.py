"""A service's own tables: up to date before it starts, and reachable while it is ready."""

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.app import Readable
from shared.database import migrate
from shared.migrations.revisions import NewerSchemaError


async def prepare_schema(url: str, migrations: Path, readable: Readable | None = None) -> None:
    """Migrate the schema, of which an auditor may read so much.

    Raises:
        SystemExit: the schema is newer than this code. No waiting changes that: the process ends with one sentence,
            and whoever started it starts it again, by then perhaps as the newer version.
        DBAPIError | OSError: as `migrate`.
    """
    try:
        await migrate(url, migrations, readable)
    except NewerSchemaError as error:
        raise SystemExit(str(error)) from None


async def database_reason(database: AsyncEngine) -> str | None:
    """Why the database can't be used, or None."""
    try:
        async with database.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"The database doesn't answer: {error}."
    return None
