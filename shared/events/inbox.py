"""The inbox: an event takes effect exactly once, and an ordered consumer takes the events of a subject in their order.

The event's row is written in the transaction of its effect, so that there is a row that says `done` if and only if the
effect is there. Deliveries of one event that run at the same time meet at its row: the second waits for the first.

An ordered consumer also keeps, per source and subject, the sequence that it has come to. A later event waits (the
broker delivers it again) until all before it are settled: done, or dead. A dead event no longer holds up those after
it; when it is replayed, it takes effect out of turn.

An inbox forgets events that are done, once no broker can deliver them again. What is dead stays: a replay needs to know
of it. `inbox_cursors` stay, too: an order that waited for a person for months goes on with the number after its last
one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.database import may_pass
from shared.events.received import Received, storable
from shared.participant.errors import Refused

METADATA: Final = sa.MetaData()
INBOX: Final = sa.Table(
    "inbox",
    METADATA,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reason", sa.Text),
    sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("settled_at", sa.DateTime(timezone=True)),
    sa.Index("inbox_in_order", "source", "subject", "sequence"),
)
INBOX_CURSORS: Final = sa.Table(
    "inbox_cursors",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
)

Effect = Callable[[AsyncConnection, Received], Awaitable[None]]

FORGET_EVERY_SECONDS: Final = 3600.0
FORGOTTEN_AT_ONCE: Final = 1000
"""Rows in one transaction: a delivery never waits long behind it."""

_FORGET: Final = sa.text("""
    DELETE FROM inbox WHERE event_id IN (
        SELECT event_id FROM inbox WHERE state = 'done' AND settled_at < now() - CAST(:age AS interval)
        LIMIT :batch FOR UPDATE SKIP LOCKED
    )
""")

log = structlog.get_logger()


class State(StrEnum):
    """How far an event has come at this consumer."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class Outcome(StrEnum):
    """What came of one delivery."""

    DONE = "done"
    DUPLICATE = "duplicate"
    RETRY = "retry"
    DEAD = "dead"
    """To be marked dead, once its dead letter is stored."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one delivery, and why."""

    outcome: Outcome
    reason: str = ""
    attempts: int = 0
    deaths: int = 0
    """How often the event was declared dead before."""


class Inbox:
    """The inbox of one consumer, in the schema of its service."""

    def __init__(
        self,
        database: AsyncEngine,
        *,
        ordered: bool,
        max_attempts: int = 10,
        gap_patience: timedelta = timedelta(minutes=15),
    ) -> None:
        """Make an inbox.

        Args:
            database: of the loop that the deliveries arrive on.
            ordered: take the events of one source about one subject strictly by their sequence.
            max_attempts: an event whose handler has failed so often is dead.
            gap_patience: how long an event waits for one before it that was never seen.
        """
        self._database = database
        self._ordered = ordered
        self._max_attempts = max_attempts
        self._gap_patience = gap_patience

    async def take(self, event: Received, effect: Effect) -> Verdict:
        """Run the effect if it is the event's turn; never raises."""
        try:
            async with self._database.begin() as tx:
                verdict = await self._turn(tx, event)
                if verdict is not None:
                    return verdict
                await effect(tx, event)
                await self._settle(tx, event, State.DONE)
                return Verdict(Outcome.DONE)
        except Refused as refusal:
            return await self._failed(event, storable(f"refused: {refusal}"), for_good=True)
        except Exception as error:  # noqa: BLE001 - the entry point of every delivery: whatever it is, it must be answered
            if may_pass(error):
                return Verdict(Outcome.RETRY, storable(f"{type(error).__name__}: {error}"))
            return await self._failed(event, storable(f"{type(error).__name__}: {error}"))

    async def mark_dead(self, event: Received, reason: str) -> None:
        """Note that the event is dead, so that it holds up nothing any more."""
        async with self._database.begin() as tx:
            if self._ordered:
                # The same order of locks as in `take`, so that the two never wait for each other.
                await self._cursor(tx, event)
            row = await self._row(tx, event)
            if row.state == State.OPEN:
                await self._settle(tx, event, State.DEAD, deaths=row.deaths + 1, reason=reason)

    async def _turn(self, tx: AsyncConnection, event: Received) -> Verdict | None:
        """Why the effect must not run now, or None. What this writes is committed in both cases."""
        cursor = await self._cursor(tx, event) if self._ordered else None
        row = await self._row(tx, event)
        if row.state == State.DONE:
            return Verdict(Outcome.DUPLICATE)
        if row.state == State.DEAD:
            if not event.is_replay:
                return Verdict(Outcome.DUPLICATE, f"it is dead: {row.reason}")
            await tx.execute(sa.update(INBOX).where(_is(event)).values(state=State.OPEN, attempts=0, settled_at=None))
        elif row.attempts >= self._max_attempts:
            return Verdict(Outcome.DEAD, row.reason or "", row.attempts, row.deaths)
        elif cursor is not None:
            return await self._order(tx, event, row, cursor)
        return None

    async def _order(self, tx: AsyncConnection, event: Received, row: sa.Row[Any], cursor: int) -> Verdict | None:
        if event.sequence == cursor + 1 or row.deaths:
            return None
        if event.sequence <= cursor:
            reason = f"it came when the events up to number {cursor} were settled without it"
            return Verdict(Outcome.DEAD, reason, row.attempts, row.deaths)
        before = sa.select(INBOX.c.event_id).where(
            INBOX.c.source == event.source, INBOX.c.subject == event.subject, INBOX.c.sequence == cursor + 1
        )
        is_known = (await tx.execute(before)).first() is not None
        waits = f"number {cursor + 1} of {event.subject} is still on its way"
        if is_known or row.waited <= self._gap_patience:
            return Verdict(Outcome.RETRY, waits)
        return Verdict(Outcome.DEAD, f"{waits}, after {self._gap_patience}", row.attempts, row.deaths)

    async def _failed(self, event: Received, reason: str, *, for_good: bool = False) -> Verdict:
        """Count the attempt in a transaction of its own, since that of the effect has been taken back."""
        try:
            async with self._database.begin() as tx:
                row = await self._row(tx, event)
                if row.state == State.DONE:
                    return Verdict(Outcome.DUPLICATE)
                # Of a replay: what had opened the row again was taken back.
                attempts = 1 if row.state == State.DEAD else row.attempts + 1
                values = {"state": State.OPEN, "attempts": attempts, "reason": reason, "settled_at": None}
                await tx.execute(sa.update(INBOX).where(_is(event)).values(values))
        except Exception as error:  # noqa: BLE001 - the entry point of every delivery: whatever it is, it must be answered
            return Verdict(Outcome.RETRY, storable(f"{reason} ({type(error).__name__}: {error})"))
        is_dead = for_good or attempts >= self._max_attempts
        return Verdict(Outcome.DEAD if is_dead else Outcome.RETRY, reason, attempts, row.deaths)

    async def _settle(self, tx: AsyncConnection, event: Received, state: State, **values: object) -> None:
        await tx.execute(sa.update(INBOX).where(_is(event)).values(state=state, settled_at=sa.func.now(), **values))
        if self._ordered:
            moved = sa.func.greatest(INBOX_CURSORS.c.sequence, event.sequence)
            await tx.execute(sa.update(INBOX_CURSORS).where(*_of(event)).values(sequence=moved))

    async def _cursor(self, tx: AsyncConnection, event: Received) -> int:
        """How far this source has come with this subject, locked until the transaction ends."""
        first = insert(INBOX_CURSORS).values(source=event.source, subject=event.subject, sequence=0)
        await tx.execute(first.on_conflict_do_nothing())
        locked = sa.select(INBOX_CURSORS.c.sequence).where(*_of(event)).with_for_update()
        return int((await tx.execute(locked)).scalar_one())

    async def _row(self, tx: AsyncConnection, event: Received) -> sa.Row[Any]:
        """The event's row, new or not, locked until the transaction ends, and how long ago it was first seen."""
        first = insert(INBOX).values(
            event_id=event.id,
            source=event.source,
            subject=event.subject,
            sequence=event.sequence,
            type=event.kind,
            state=State.OPEN,
        )
        await tx.execute(first.on_conflict_do_nothing())
        waited = (sa.func.now() - INBOX.c.seen_at).label("waited")
        return (await tx.execute(sa.select(INBOX, waited).where(_is(event)).with_for_update())).one()


async def deaths_of(connection: AsyncConnection, event_id: str) -> int:
    """How often the event was declared dead."""
    return (await connection.execute(sa.select(INBOX.c.deaths).where(INBOX.c.event_id == event_id))).scalar() or 0


async def bury(tx: AsyncConnection, event_id: str, reason: str) -> None:
    """Declare an event dead that was done: whoever took it over couldn't do what it asks for. A replay opens it."""
    is_done = (INBOX.c.event_id == event_id, INBOX.c.state == State.DONE)
    values = {"state": State.DEAD, "deaths": INBOX.c.deaths + 1, "reason": reason, "settled_at": sa.func.now()}
    await tx.execute(sa.update(INBOX).where(*is_done).values(values))


def _is(event: Received) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions
    return INBOX.c.event_id == event.id


def _of(event: Received) -> tuple[Any, Any]:
    return INBOX_CURSORS.c.source == event.source, INBOX_CURSORS.c.subject == event.subject


async def forget_settled(database: AsyncEngine, age: timedelta) -> None:
    """Forget again and again, until cancelled. The engine is that of the running loop."""
    while True:
        try:
            forgotten = await forget_once(database, age)
        except (SQLAlchemyError, OSError) as error:
            log.warning("the inbox can't forget now", error=str(getattr(error, "orig", error)))
        else:
            if forgotten:
                log.info("events forgotten", events=forgotten, older_than_days=age.days)
        await asyncio.sleep(FORGET_EVERY_SECONDS)


async def forget_once(database: AsyncEngine, age: timedelta, batch: int = FORGOTTEN_AT_ONCE) -> int:
    """Forget what was done longer ago than `age`; how many events that were."""
    forgotten = 0
    while True:
        async with database.begin() as tx:
            count = (await tx.execute(_FORGET, {"age": age, "batch": batch})).rowcount
        forgotten += count
        if count < batch:
            return forgotten
