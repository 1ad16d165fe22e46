"""The relay: carries events from the outboxes to the broker, keeping the order of each order's events.

Of several relays one is active: the one whose database session holds the lock. Events are published one after the other
per subject, side by side across subjects. An event is deleted from its outbox only when the broker has acknowledged it.
If the relay dies in between, the next one publishes it again under the same id, which the broker drops or its consumers
do.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from event_relay.outboxes import Backlog, Outboxes, Waiting
from event_relay.publisher import BrokerAwayError

LOCK_KEY: Final = 7_264_519_101
"""Any fixed number that nobody else locks in this database."""

BATCH: Final = 300
"""Events of each outbox that are looked at together."""
REQUEST: Final = 50
"""Events in one request: even if each came from an order of 64 kB they stay below the sidecar's 4 MB."""

log = structlog.get_logger()

PUBLISHED: Final = Counter("shop_relay_published", "Events that the broker has acknowledged", ["source"])
FAILURES: Final = Counter("shop_relay_failures", "Requests after which some event had not been acknowledged")
BACKLOG: Final = Gauge("shop_relay_backlog", "Events that wait in the outboxes")
LAG: Final = Gauge("shop_relay_lag_seconds", "How long the oldest of them has waited")
ACTIVE: Final = Gauge("shop_relay_active", "1 if this relay is the active one, 0 if it stands by")


class Queues:
    """The events of each order in a queue of their own."""

    def __init__(self, events: Iterable[Waiting]) -> None:
        by_subject: dict[str, list[Waiting]] = {}
        for event in events:
            by_subject.setdefault(event.subject, []).append(event)
        self._queues = {subject: deque(in_order(waiting)) for subject, waiting in by_subject.items()}

    def heads(self, limit: int) -> Sequence[Waiting]:
        """The next events, at most one of each subject."""
        heads: list[Waiting] = []
        for queue in self._queues.values():
            if len(heads) == limit:
                break
            heads.append(queue[0])
        return heads

    def published(self, event: Waiting) -> None:
        """The broker has it: the next of its subject may go, after those of the others."""
        queue = self._queues.pop(event.subject)
        queue.popleft()
        if queue:
            self._queues[event.subject] = queue

    def failed(self, event: Waiting) -> None:
        """Nothing of its subject may go before it does."""
        del self._queues[event.subject]


def in_order(events: Iterable[Waiting]) -> list[Waiting]:
    """The events of one subject, each source's by sequence, and across sources as they happened.

    A clock that was set back never turns two events of one source around.
    """
    return [event for _, _, event in sorted(_timed(events), key=lambda one: one[:2])]


def _timed(events: Iterable[Waiting]) -> Iterator[tuple[datetime, int, Waiting]]:
    latest: dict[str, datetime] = {}
    for event in sorted(events, key=lambda one: one.sequence):
        latest[event.source] = max(event.occurred_at, latest.get(event.source, event.occurred_at))
        yield latest[event.source], event.sequence, event


class Publishes(Protocol):
    """Publishes to the broker."""

    async def publish(self, events: Sequence[Waiting]) -> None:
        """Raises BrokerAwayError."""


class NoticesTrouble(Protocol):
    """Receives how publishing goes."""

    async def received(self, trouble: BrokerAwayError | None) -> None:
        """After each look at the outboxes that found events: what failed, if anything did."""


@dataclass(frozen=True, slots=True)
class RelayTimes:
    """The pauses between looks at the outboxes, in seconds; `count`: between counts of what waits."""

    pause: float = 0.1
    idle: float = 0.5
    longest_backoff: float = 5.0
    standby: float = 1.0
    count: float = 1.0


class Relay:
    """Publishes events until it is stopped."""

    def __init__(
        self,
        database: AsyncEngine,
        outboxes: Outboxes,
        publisher: Publishes,
        trouble: NoticesTrouble,
        times: RelayTimes | None = None,
    ) -> None:
        self._database = database
        self._outboxes = outboxes
        self._publisher = publisher
        self._trouble = trouble
        self._times = times or RelayTimes()
        self._stopping = asyncio.Event()
        self._count_due = time.monotonic()

    async def run(self) -> None:
        """Stand by, lead, and after an outage of the database stand by again."""
        while not self._stopping.is_set():
            ACTIVE.set(0)
            try:
                async with leading(self._database, retry_seconds=self._times.standby) as connection:
                    ACTIVE.set(1)
                    log.info("this relay is the active one")
                    await self._lead(connection)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                # The statement itself, which SQLAlchemy appends, explains nothing.
                log.warning("the outboxes can't be read, trying again", error=str(getattr(error, "orig", error)))
            await self._wait(self._times.standby)
        ACTIVE.set(0)

    def stop(self) -> None:
        """End `run` when what is on its way has arrived, so that nothing is published twice."""
        self._stopping.set()

    async def _lead(self, connection: AsyncConnection) -> None:
        pause = self._times.pause
        while not self._stopping.is_set():
            found, all_went = await self.carry(connection)
            if not all_went:
                pause = min(max(pause, self._times.idle) * 2, self._times.longest_backoff)
            elif found:
                pause = self._times.pause
            else:
                pause = min(pause * 1.5, self._times.idle)
            # After a full batch there is more.
            if found < BATCH or not all_went:
                await self._wait(pause)

    async def carry(self, connection: AsyncConnection) -> tuple[int, bool]:
        """Look once, and carry what is there; how many events were found, and whether all of them went."""
        backlog = await self._outboxes.read(connection, BATCH)
        await self._show(connection, backlog)
        LAG.set(backlog.oldest_seconds)
        if not backlog.events:
            return 0, True
        began = time.monotonic()
        published, trouble = await self._publish(Queues(backlog.events))
        if published:
            await self._outboxes.delete(connection, published)
            for event in published:
                PUBLISHED.labels(event.source).inc()
            log.debug("carried", events=len(published), seconds=round(time.monotonic() - began, 3))
        await self._trouble.received(trouble)
        return len(backlog.events), trouble is None

    async def _show(self, connection: AsyncConnection, backlog: Backlog) -> None:
        """Log how much waits. A long queue is counted now and then only: at each look that would take ever longer."""
        if backlog.is_whole:
            BACKLOG.set(len(backlog.events))
        elif time.monotonic() >= self._count_due:
            BACKLOG.set(await self._outboxes.count(connection))
            self._count_due = time.monotonic() + self._times.count

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _publish(self, queues: Queues) -> tuple[list[Waiting], BrokerAwayError | None]:
        published: list[Waiting] = []
        trouble: BrokerAwayError | None = None
        while heads := queues.heads(REQUEST):
            failed: set[str] = set()
            try:
                await self._publisher.publish(heads)
            except BrokerAwayError as error:
                FAILURES.inc()
                trouble = error
                failed = {event.id for event in error.failed}
            for event in heads:
                if event.id in failed:
                    queues.failed(event)
                else:
                    queues.published(event)
                    published.append(event)
            if len(failed) == len(heads):
                # Nothing gets through: no use in asking for the others, each with a timeout of its own.
                break
        return published, trouble


@contextlib.asynccontextmanager
async def leading(database: AsyncEngine, *, retry_seconds: float) -> AsyncIterator[AsyncConnection]:
    """Wait until this relay is the active one; it is while the connection lives, which the work must be done on.

    The statements commit one by one.
    """
    async with database.connect() as pooled:
        connection = await pooled.execution_options(isolation_level="AUTOCOMMIT")
        await _win(connection, retry_seconds)
        try:
            yield connection
        finally:
            # Not back into the pool: the lock is the session's.
            await connection.invalidate()


async def _win(connection: AsyncConnection, retry_seconds: float) -> None:
    attempt = text("SELECT pg_try_advisory_lock(:key)")
    # Not by waiting for the lock: a statement that waits holds up vacuum.
    while not (await connection.execute(attempt, {"key": LOCK_KEY})).scalar():  # noqa: ASYNC110 - held by another process
        await asyncio.sleep(retry_seconds)
