"""A service's world for one test: its stores over a fresh database, which must add up when the test has ended."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import create_engine

WorldT = TypeVar("WorldT")


@asynccontextmanager
async def world_of(
    database_url: str, world: Callable[[AsyncEngine], WorldT], wrong: Callable[[WorldT], Awaitable[Sequence[object]]]
) -> AsyncIterator[WorldT]:
    """The world over this database; `wrong` lists what doesn't add up in it."""
    engine = create_engine(database_url, application_name="tests", pool_size=25)
    made = world(engine)
    yield made
    found = await wrong(made)
    await engine.dispose()
    assert not found
