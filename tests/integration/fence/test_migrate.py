"""`shared.database.migrate` on a real Postgres: replicas that start together, databases that are away."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, ProgrammingError

from devstack.topology.addresses import free_block
from shared.database import migrate
from shared.migrations.revisions import NewerSchemaError
from tests.integration.conftest import PROJECT
from tests.integration.fence.world import MIGRATIONS
from tests.waiting import eventually

REPLICAS = 5
MIGRATE = """
import asyncio, pathlib, sys
from shared.database import migrate
asyncio.run(migrate(sys.argv[1], pathlib.Path(sys.argv[2])))
"""
WAITING = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'big_by_n'::regclass"


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def revision(versions: Path, number: int, *statements: str) -> None:
    (versions / f"{number:04}.py").write_text(
        "from alembic import op\n"
        "from shared.migrations.tables import create_index, drop_index\n"
        f"revision, down_revision = '{number:04}', {f'{number - 1:04}' if number > 1 else None!r}\n"
        "def upgrade():\n" + "".join(f"    {statement}\n" for statement in statements)
    )


async def until_someone_waits(connection: asyncpg.Connection) -> None:
    """Until a session of this database waits for a lock."""
    await eventually(partial(connection.fetchval, f"SELECT count(*) {WAITING}"))


async def tables(url: str) -> set[str]:
    async with connected(url) as connection:
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'fence'")
        return {row["tablename"] for row in rows}


async def test_five_replicas_at_once(empty_url: str) -> None:
    """All processes end well, and the revision has run once (a second time would fail on the tables that exist)."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, empty_url, str(MIGRATIONS), cwd=PROJECT, env=os.environ
        )
        for _ in range(REPLICAS)
    ]

    assert await asyncio.gather(*(process.wait() for process in processes)) == [0] * REPLICAS
    assert {"alembic_version", "saga_steps", "fault_hits", "quarantine", "effects"} == await tables(empty_url)


async def test_a_migrated_database_stays_as_it_is(database_url: str) -> None:
    before = await tables(database_url)

    await migrate(database_url, MIGRATIONS)

    assert before == await tables(database_url)


async def test_a_revision_that_fails_leaves_nothing_of_itself(empty_url: str, tmp_path: Path) -> None:
    """Half a revision is never seen; those before it stay, and the next try goes on after them."""
    revision(tmp_path, 1, "op.execute('CREATE TABLE whole (n integer)')")
    revision(tmp_path, 2, *["op.execute('CREATE TABLE half (n integer)')"] * 2)

    with pytest.raises(ProgrammingError, match="half"):
        await migrate(empty_url, tmp_path)

    assert {"alembic_version", "whole"} == await tables(empty_url)
    revision(tmp_path, 2, "op.execute('CREATE TABLE half (n integer)')")
    await migrate(empty_url, tmp_path)
    assert {"alembic_version", "whole", "half"} == await tables(empty_url)


async def test_a_revision_may_take_its_time(empty_url: str, tmp_path: Path) -> None:
    """No statement is cut off: it would be begun again from the start, for nothing."""
    limits = "op.get_bind().connection.driver_connection._config.command_timeout", "'SHOW statement_timeout'"
    revision(
        tmp_path, 1, f"assert {limits[0]} is None", f"assert op.get_bind().exec_driver_sql({limits[1]}).scalar() == '0'"
    )

    await migrate(empty_url, tmp_path)


async def test_a_revision_that_waits_for_a_lock_lets_others_pass(empty_url: str, tmp_path: Path) -> None:
    """Whoever comes after a waiting ALTER waits for it; so it gives up, and tries again until the lock is there."""
    revision(tmp_path, 1, "op.execute('CREATE TABLE busy (n integer)')")
    await migrate(empty_url, tmp_path)
    revision(tmp_path, 2, "op.execute('ALTER TABLE busy ADD COLUMN m integer')")
    async with connected(empty_url) as reader, connected(empty_url) as other:
        reading = reader.transaction()
        await reading.start()
        await reader.fetch("SELECT FROM busy")
        migrating = asyncio.create_task(migrate(empty_url, tmp_path, lock_timeout_seconds=0.5))
        await until_someone_waits(other)

        assert [] == await asyncio.wait_for(other.fetch("SELECT n FROM busy"), 30)
        assert not migrating.done()
        await reading.rollback()

        await migrating
        assert [] == await other.fetch("SELECT n, m FROM busy")


async def test_a_lock_that_never_comes_is_an_error_after_the_patience(empty_url: str, tmp_path: Path) -> None:
    revision(tmp_path, 1, "op.execute('CREATE TABLE busy (n integer)')")
    await migrate(empty_url, tmp_path)
    revision(tmp_path, 2, "op.execute('ALTER TABLE busy ADD COLUMN m integer')")
    async with connected(empty_url) as reader, reader.transaction():
        await reader.fetch("SELECT FROM busy")

        with pytest.raises(DBAPIError, match="lock timeout"):
            await migrate(empty_url, tmp_path, patience_seconds=0, lock_timeout_seconds=0.1)


async def test_an_index_is_built_beside_replicas_that_wait(empty_url: str, tmp_path: Path) -> None:
    """Its build waits for every older statement, so that none of those may wait for the build's process."""
    await big_table(empty_url, tmp_path)
    async with connected(empty_url) as writer, connected(empty_url) as other:
        async with writer.transaction():
            await writer.execute("INSERT INTO big VALUES (1)")
            migrating = [
                asyncio.create_task(migrate(empty_url, tmp_path, patience_seconds=0, lock_timeout_seconds=0.001))
                for _ in range(3)
            ]
            await until_someone_waits(other)
            await asyncio.wait_for(other.execute("INSERT INTO big VALUES (2)"), 30)

        await asyncio.gather(*migrating)
        assert await other.fetchval(IS_VALID)


async def test_an_index_whose_build_was_cut_off_is_built_anew(empty_url: str, tmp_path: Path) -> None:
    """What the first try has left takes up room and serves no query."""
    await big_table(empty_url, tmp_path)
    async with connected(empty_url) as writer, connected(empty_url) as other:
        async with writer.transaction():
            await writer.execute("INSERT INTO big VALUES (1)")
            migrating = asyncio.create_task(migrate(empty_url, tmp_path))
            await until_someone_waits(other)
            assert await other.fetchval(IS_VALID) is False

            await other.execute(f"SELECT pg_terminate_backend(pid) {WAITING}")

        await migrating
        assert await other.fetchval(IS_VALID)


async def big_table(url: str, versions: Path) -> None:
    """With a revision to come that makes an index of it."""
    revision(versions, 1, "op.execute('CREATE TABLE big (n integer)')")
    await migrate(url, versions)
    revision(versions, 2, "create_index('big_by_n', 'big', ['n'], 'n > 0')", "drop_index('gone', 'big')")


async def test_an_older_version_says_that_the_schema_is_newer(empty_url: str, tmp_path: Path) -> None:
    """And what to do, instead of failing over a revision that it can't locate."""
    versions = tmp_path / "tea_service" / "migrations"
    versions.mkdir(parents=True)
    revision(versions, 1, "pass")
    revision(versions, 2, "pass")
    await migrate(empty_url, versions)
    (versions / "0002.py").unlink()

    with pytest.raises(
        NewerSchemaError, match=r"tea_service: .* revision 0002, .* newest is 0001\): deploy .* restore"
    ):
        await migrate(empty_url, versions)


async def test_a_service_whose_schema_is_newer_ends_with_that_sentence(database_url: str) -> None:
    """Whoever started it starts it again, and finds the sentence in its log instead of a traceback."""
    async with connected(database_url) as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    environment = os.environ | {"SERVICE_HTTP_PORT": "1", "SERVICE_DATABASE_URL": database_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "payment_gateway", cwd=PROJECT, env=environment, stdout=PIPE, stderr=PIPE
    )

    _, said = await process.communicate()

    assert 1 == process.returncode
    (sentence,) = said.decode().splitlines()
    assert sentence.startswith("payment_gateway: its schema has revision 9999, which this version of the code doesn't")


async def test_a_database_that_stays_away_is_an_error_after_the_patience() -> None:
    url = f"postgresql://nobody:nothing@127.0.0.1:{free_block(1)}/none"

    with pytest.raises(OSError, match="Connect call failed"):
        await migrate(url, MIGRATIONS, patience_seconds=0.5)
