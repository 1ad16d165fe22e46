"""Fault injection: wraps handlers at registration, in demo and test mode only."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy import Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.call import Fault, FaultMode
from shared.contracts.message import Message
from shared.participant.errors import Refused
from shared.participant.fence import StepKey

Execution = Callable[[], Awaitable[Message]]
Refusal = Callable[[str], Awaitable[Message]]

FAULT_HITS: Final = Table(
    "fault_hits",
    MetaData(),
    Column("saga_id", Text, primary_key=True),
    Column("activity", Text, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("hits", Integer, nullable=False),
)


class InjectedOutageError(Exception):
    """A planned fault: the participant fails as if it were out of order."""


class FaultInjector:
    """Carries out the fault plans of the calls that arrive here."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def run(
        self, key: StepKey, activity: str, plan: Sequence[Fault], execute: Execution, refuse: Refusal
    ) -> Message:
        """Execute with the first fault of the plan that still has hits left, or plainly if none has.

        A delay only waits: what is planned after it strikes as well.

        Args:
            key: of the call's step.
            activity: the name of the activity called.
            plan: the faults that the order carries for this activity.
            execute: the real handler.
            refuse: makes a refusal that lasts, as the handler would.

        Raises:
            InjectedOutageError: for `fail` and `lose_reply`.
            Refused: for `refuse`.
        """
        for place, fault in enumerate(plan):
            if not await self._hit(key, activity, place, fault.times):
                continue
            if fault.mode is FaultMode.DELAY:
                await asyncio.sleep(fault.seconds)
            else:
                return await _inject(fault, execute, refuse)
        return await execute()

    async def _hit(self, key: StepKey, activity: str, place: int, times: int) -> bool:
        """Count a hit in a transaction of its own, since the process may be dead a moment later."""
        statement = insert(FAULT_HITS).values(saga_id=key.saga_id, activity=activity, place=place, hits=1)
        statement = statement.on_conflict_do_update(
            index_elements=["saga_id", "activity", "place"],
            set_={"hits": FAULT_HITS.c.hits + 1},
            where=FAULT_HITS.c.hits < times,
        )
        async with self._database.begin() as tx:
            return (await tx.execute(statement.returning(FAULT_HITS.c.hits))).first() is not None


async def _inject(fault: Fault, execute: Execution, refuse: Refusal) -> Message:
    match fault.mode:
        case FaultMode.REFUSE:
            return await refuse(f"injected fault: {fault.activity} refuses")
        case FaultMode.FAIL:
            raise InjectedOutageError(f"injected fault: {fault.activity} is out of order")
        case FaultMode.DELAY:
            raise AssertionError("what is planned after a delay strikes in its place")
        case FaultMode.HANG:
            answer = await execute()
            await asyncio.sleep(fault.seconds)
            return answer
        case FaultMode.CRASH_BEFORE:
            _die()
            return await execute()
        case FaultMode.CRASH_AFTER:
            answer = await execute()
            _die()
            return answer
        case FaultMode.LOSE_REPLY:
            await execute()
            raise InjectedOutageError(f"injected fault: the reply of {fault.activity} is lost")
        case FaultMode.DUPLICATE:
            return await _twice(execute)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _twice(execute: Execution) -> Message:
    first, second = await asyncio.gather(execute(), execute(), return_exceptions=True)
    if isinstance(first, BaseException):
        raise first
    if isinstance(second, BaseException):
        raise second
    if first != second:
        raise InjectedOutageError(f"injected duplicate: two answers to one step: {first} and {second}")
    return first


async def refuse_for_good(reason: str) -> Message:
    """The refusal of an undo: it leaves no trace, so that a person's retry can succeed.

    Raises:
        Refused: always.
    """
    raise Refused(reason)
