"""`shared.database.migrate` on a real Postgres: replicas that start together, databases that are away."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import ProgrammingError

from devstack.ports import free_block
from shared.database import migrate
from tests.integration.conftest import PROJECT, ServiceDatabase
from tests.integration.fence.world import MIGRATIONS

REPLICAS = 5
MIGRATE = """
import asyncio, pathlib, sys
from shared.database import migrate
asyncio.run(migrate(sys.argv[1], pathlib.Path(sys.argv[2])))
"""


@pytest.fixture
def empty_url(service_database: ServiceDatabase, tmp_path: Path) -> str:
    """A database with the service's role and schema, and no revision."""
    return service_database("fence", migrations=tmp_path)


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'fence'")
        return {row["tablename"] for row in rows}
    finally:
        await connection.close()


async def test_five_replicas_at_once(empty_url: str) -> None:
    """All processes end well, and the revision has run once (a second time would fail on the tables that exist)."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, empty_url, str(MIGRATIONS), cwd=PROJECT, env=os.environ
        )
        for _ in range(REPLICAS)
    ]

    assert await asyncio.gather(*(process.wait() for process in processes)) == [0] * REPLICAS
    assert {"alembic_version", "saga_steps", "fault_hits", "effects"} == await tables(empty_url)


async def test_a_migrated_database_stays_as_it_is(database_url: str) -> None:
    before = await tables(database_url)

    await migrate(database_url, MIGRATIONS)

    assert before == await tables(database_url)


async def test_a_revision_that_fails_leaves_nothing(empty_url: str, tmp_path: Path) -> None:
    """The whole migration is one transaction: half a schema is never seen."""
    (tmp_path / "0001_broken.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = '0001', None\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE half (n integer)')\n"
        "    op.execute('CREATE TABLE half (n integer)')\n"
    )
    before = await tables(empty_url)

    with pytest.raises(ProgrammingError, match="half"):
        await migrate(empty_url, tmp_path)

    assert before == await tables(empty_url)


async def test_a_database_that_stays_away_is_an_error_after_the_patience() -> None:
    url = f"postgresql://nobody:nothing@127.0.0.1:{free_block(1)}/none"

    with pytest.raises(OSError, match="Connect call failed"):
        await migrate(url, MIGRATIONS, patience_seconds=0.5)
