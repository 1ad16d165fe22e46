"""Brings a service's schema up to date when its process starts."""

from pathlib import Path

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
