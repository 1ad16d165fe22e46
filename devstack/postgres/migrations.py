"""Migrates every service's schema as its owner (`python -m devstack.postgres.migrations`), before a roll-out.

The services do the same at start, under the same lock, and then find nothing left to do. The audit's schema is another
task's, `audit_service.schema`, which also says who may do what to it.
"""

import asyncio
import sys

from sqlalchemy.exc import DBAPIError

from devstack.errors import StackError
from devstack.postgres.passwords import load_passwords
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.database import migrate
from shared.migrations.revisions import NewerSchemaError
from shared.shop.audit import AUDIT


async def migrate_all(layout: DatabaseLayout) -> None:
    """Bring all schemas to their newest revision."""
    for app in layout.registry.apps:
        if app is not AUDIT:
            await migrate(layout.url_of(app.package), PROJECT_ROOT / app.package / "migrations", app.auditor_reads)


def main() -> None:
    """Migrate on the server that the settings name."""
    try:
        settings = load_settings()
        asyncio.run(migrate_all(database_layout(settings, load_passwords(settings))))
    except (StackError, NewerSchemaError) as error:
        sys.exit(f"migrations: {error}")
    except (OSError, DBAPIError) as error:
        sys.exit(f"migrations: {error}; check DATABASE_URL, and that devstack.postgres.prepare has prepared the server")


if __name__ == "__main__":
    main()
