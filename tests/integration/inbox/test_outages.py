"""A database that is away or too busy is no fault of an event, which is delivered again until it is taken."""

import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.database import create_engine
from shared.events.consumer import Answer
from shared.events.received import Received
from tests.integration.inbox.world import MAX_ATTEMPTS, World, an_event

DONE, RETRY = Answer.SUCCESS, Answer.RETRY


async def test_a_lost_connection_in_mid_effect_leaves_no_trace(database: AsyncEngine) -> None:
    """The database's end of the connection dies between effect and commit: an outage, and not counted."""
    world = World(database)

    async def dies(tx: AsyncConnection, _: Received) -> None:
        await tx.execute(text("INSERT INTO effects (event_id, subject, sequence) VALUES ('x', 'ord-1', 1)"))
        await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    mortal = world.with_handler(dies)

    assert RETRY == await mortal.take(an_event())
    assert [] == await world.effects()
    assert {} == await world.states()
    assert [DONE] == await world.take(an_event())


@pytest.mark.parametrize(
    "sqlstate", ["53100", "53300", "53200", "40P01", "40001", "55P03", "57014", "58030", "28P01", "25006", "3D000"]
)
async def test_a_database_that_cannot_now_is_an_outage(world: World, sqlstate: str) -> None:
    """However long it lasts: no healthy event becomes a dead letter by overload."""
    busy = world.failing_in_the_database(sqlstate)

    assert [RETRY] * (MAX_ATTEMPTS + 1) == [await busy.take(an_event()) for _ in range(MAX_ATTEMPTS + 1)]
    assert {} == await world.states()
    assert [DONE] == await world.take(an_event())


async def test_what_the_database_refuses_is_counted(world: World) -> None:
    """A constraint says no each time: that is a fault of the event, or of the handler."""
    refused = world.failing_in_the_database("23505")

    assert [RETRY, RETRY, DONE] == [await refused.take(an_event()) for _ in range(MAX_ATTEMPTS)]
    assert 1 == len(world.broker.letters)


async def test_a_database_without_a_free_connection_is_an_outage(
    world: World, database_url: str, postgres_url: str
) -> None:
    """A handler that opens one of its own is refused before it can say anything in SQL."""
    other = create_engine(database_url, application_name="tests")

    async def needs_another(_: AsyncConnection, __: Received) -> None:
        async with other.connect():
            raise AssertionError("there is no free connection")

    refused = world.with_handler(needs_another)
    async with world.database.connect(), world.database.connect():
        pass  # the pool has them from now on
    async with connections_of(postgres_url, "inbox", at_most=0):
        assert [RETRY] * (MAX_ATTEMPTS + 1) == [await refused.take(an_event()) for _ in range(MAX_ATTEMPTS + 1)]
    await other.dispose()
    assert {} == await world.states()


@contextlib.asynccontextmanager
async def connections_of(admin_url: str, role: str, *, at_most: int) -> AsyncIterator[None]:
    admin = await asyncpg.connect(admin_url)
    try:
        await admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT {at_most}")
        yield
    finally:
        await admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT -1")
        await admin.close()


async def test_a_pool_without_a_free_connection_is_an_outage(database: AsyncEngine, database_url: str) -> None:
    """A handler that needs a second one, such as of another loop's engine."""
    scarce = create_async_engine(
        database_url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=1, max_overflow=0, pool_timeout=0.01
    )

    async def needs_another(_: AsyncConnection, __: Received) -> None:
        async with scarce.connect():
            raise AssertionError("there is no free connection")

    world = World(database)
    async with scarce.connect():
        waiting = world.with_handler(needs_another)
        assert [RETRY] * (MAX_ATTEMPTS + 1) == [await waiting.take(an_event()) for _ in range(MAX_ATTEMPTS + 1)]
    await scarce.dispose()
    assert {} == await world.states()


async def test_a_database_that_is_away_is_an_outage() -> None:
    database = create_engine("postgresql://nobody@127.0.0.1:1/nothing", application_name="tests")
    try:
        assert [RETRY] == await World(database).take(an_event())
    finally:
        await database.dispose()
