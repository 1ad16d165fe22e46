"""Brings a service's schema up to date when its process starts."""

from pathlib import Path

from shared.database import migrate
from shared.migrations.revisions import NewerSchemaError


async def prepare_schema(url: str, migrations: Path) -> None:
    """Migrate the schema.

    Raises:
        SystemExit: the schema is newer than this code. No waiting changes that: the process ends with one sentence,
            and whoever started it starts it again, by then perhaps as the newer version.
        DBAPIError | OSError: as `migrate`.
    """
    try:
        await migrate(url, migrations)
    except NewerSchemaError as error:
        raise SystemExit(str(error)) from None
