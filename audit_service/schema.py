"""Prepares the audit-service's tables and says who may do what to them: `python -m audit_service.schema`.

A task of its own, as the tables' owner: the service itself never has the owner's password.
"""

import asyncio
from pathlib import Path
from typing import Final

from sqlalchemy import text

from audit_service.settings import SchemaSettings
from shared.database import create_engine
from shared.service.lifecycle import prepare_schema
from shared.service.settings import load
from shared.shop.audit import AUDIT

MIGRATIONS: Final = Path(__file__).parent / "migrations"

RIGHTS: Final = {
    "audit_records": "SELECT, INSERT",
    "audit_head": "SELECT",
    # Which revision its tables have, for `GET /about`.
    "alembic_version": "SELECT",
    # Counts of injected faults, which prove nothing.
    "fault_hits": "SELECT, INSERT, UPDATE",
    # What has killed it, which proves nothing either.
    "quarantine": "SELECT, INSERT, UPDATE, DELETE",
}


async def prepare(owner_url: str, writer_role: str) -> None:
    """Migrate as the owner, and give the role that runs the service its rights, and no others."""
    await prepare_schema(owner_url, MIGRATIONS, AUDIT.auditor_reads)
    database = create_engine(owner_url, application_name="audit schema", pool_size=1)
    role = '"' + writer_role.replace('"', '""') + '"'
    try:
        async with database.begin() as tx:
            await tx.execute(text(f"REVOKE ALL ON ALL TABLES IN SCHEMA audit_service FROM {role}"))
            for table, rights in RIGHTS.items():
                await tx.execute(text(f"GRANT {rights} ON audit_service.{table} TO {role}"))
    finally:
        await database.dispose()


if __name__ == "__main__":
    settings = load(SchemaSettings)
    asyncio.run(prepare(settings.audit_owner_database_url, settings.audit_writer_role))
