"""Many may ask at once whether conservation holds: one check runs at a time, for all of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import pytest
from sqlalchemy import event

from order_service.conservation.check import ConservationCheck
from order_service.conservation.rules import SUMS
from shared.database import create_engine
from shared.shop.reports import ConservationReport
from tests.waiting import eventually

DEADLINE_SECONDS = 30.0


@dataclass
class Held:
    """An auditor whose checks wait until they are let go."""

    check: ConservationCheck
    superuser: asyncpg.Connection
    checks: list[str] = field(default_factory=list)
    """The end of each check that got there."""

    def ask(self) -> asyncio.Task[ConservationReport]:
        return asyncio.create_task(self.check.report())

    async def waits(self) -> None:
        """Return when a check stands before the lock."""
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'order_service.orders'::regclass"
        await eventually(partial(self.superuser.fetchval, waiting), "a check waits", DEADLINE_SECONDS)

    async def let_go(self) -> None:
        await self.superuser.execute("ROLLBACK")


@pytest.fixture
async def held(healthy: tuple[str, str]) -> AsyncIterator[Held]:
    database = create_engine(healthy[1], application_name="test", pool_size=1)
    superuser = await asyncpg.connect(healthy[0])
    await superuser.execute("BEGIN; LOCK TABLE order_service.orders IN ACCESS EXCLUSIVE MODE")
    held = Held(ConservationCheck(database), superuser)

    @event.listens_for(database.sync_engine, "before_cursor_execute")
    def note(*call: Any) -> None:  # noqa: ANN401 - the event's own
        if call[2] == SUMS:
            held.checks.append(call[2])

    yield held
    await superuser.close()
    await held.check.close()


async def test_all_who_ask_during_a_check_share_the_next_one(held: Held) -> None:
    """Ten at once cost two checks, and no answer is older than its question."""
    first = held.ask()
    await held.waits()
    others = [held.ask() for _ in range(10)]
    await asyncio.sleep(0)

    await held.let_go()

    async with asyncio.timeout(DEADLINE_SECONDS):
        answer, *shared = await asyncio.gather(first, *others)
    assert all(one.holds for one in (answer, *shared))
    assert all(one is shared[0] for one in shared)
    assert answer is not shared[0]
    assert 2 == len(held.checks)


async def test_who_stops_waiting_stops_nobody_else(held: Held) -> None:
    """A client that hangs up leaves the check to those who asked with it."""
    first = held.ask()
    await held.waits()
    patient, impatient = held.ask(), held.ask()
    await asyncio.sleep(0)
    for gone in (first, impatient):
        gone.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await gone

    await held.let_go()

    async with asyncio.timeout(DEADLINE_SECONDS):
        assert (await patient).holds
