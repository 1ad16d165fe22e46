"""A watch against the silent death of a subscription.

The broker's client inside the sidecar gives up for good after about two minutes without its broker (nats.go: sixty
attempts, two seconds apart, and the Dapr component has no setting for it). The sidecar goes on as if nothing had
happened: it is healthy, publishes nothing and delivers nothing, for ever. A consumer that was deleted in the broker is
as silent. Dapr reports nothing, so the app finds out by itself: when nothing has come for a while, it sends itself a
heartbeat over the broker. If that can't be published though the broker answers, or is stored and doesn't come back, the
app asks its sidecar to shut down; whoever supervises it starts a new one, which subscribes again.

Which heartbeats came back is kept in the database, since of several replicas any may get one: what one of them received
proves the broker's consumer alive for all.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import structlog
from prometheus_client import Counter
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.dead_letters import NotPublishedError, Publishes, SidecarAwayError
from shared.events.event import CloudEvent
from shared.events.inbox import INBOX_CURSORS

HEARTBEAT_TYPE: Final = "shop.heartbeat"
_SUBJECT: Final = "heartbeat"

log = structlog.get_logger()

RESTARTS: Final = Counter("shop_sidecar_restarts", "Sidecars that were asked to end since their subscription was dead")
BROKER_SECONDS: Final = 2.0


def heartbeat(app_id: str, last: int = 0) -> tuple[int, dict[str, Any]]:
    """A new heartbeat of this app: its number, and the CloudEvent.

    Numbers grow with time, and are above the `last` that came back, also when the clock has been set back.
    """
    number = max(time.time_ns() // 1_000_000, last + 1)
    event = CloudEvent(
        id=f"{app_id}-{number}-{time.monotonic_ns()}",
        source=f"/{app_id}",
        type=HEARTBEAT_TYPE,
        subject=app_id,
        time=datetime.now(UTC),
        sequence=str(number),
        data={"number": number},
    )
    return number, event.model_dump(mode="json")


class Heartbeats:
    """Which heartbeats of this app have come back."""

    def __init__(self, database: AsyncEngine, app_id: str) -> None:
        self._database = database
        self._key = {"source": f"/{app_id}", "subject": _SUBJECT}

    async def came(self, number: int) -> None:
        """Remember that the heartbeat of this number came back."""
        came = insert(INBOX_CURSORS).values(sequence=number, **self._key)
        latest = func.greatest(INBOX_CURSORS.c.sequence, came.excluded.sequence)
        keyed = came.on_conflict_do_update(index_elements=["source", "subject"], set_={"sequence": latest})
        async with self._database.begin() as tx:
            await tx.execute(keyed)

    async def last(self) -> int:
        """The number of the latest that came back; 0 if none ever did."""
        is_ours = [INBOX_CURSORS.c[name] == value for name, value in self._key.items()]
        async with self._database.connect() as connection:
            return (await connection.execute(select(INBOX_CURSORS.c.sequence).where(*is_ours))).scalar() or 0


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """How patient the watch is, in seconds."""

    silence: float = 45.0
    """Only after so long without a delivery is a heartbeat sent."""
    patience: float = 30.0
    """So long heartbeats may fail, or not come back, before the sidecar must go."""
    interval: float = 5.0


class RemembersHeartbeats(Protocol):
    """Which heartbeats came back, to any replica."""

    async def last(self) -> int:
        """The number of the latest."""


# Works around `silent-subscription` (docs/upstream.md).
class SubscriptionWatch:
    """Notices that a subscription is dead, and has its sidecar replaced."""

    def __init__(  # noqa: PLR0913 - its surroundings, each replaceable in tests
        self,
        app_id: str,
        *,
        publisher: Publishes,
        heartbeats: RemembersHeartbeats,
        broker_answers: Callable[[], Awaitable[bool]],
        end_sidecar: Callable[[], Awaitable[None]],
        times: WatchTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app_id = app_id
        self._publisher = publisher
        self._heartbeats = heartbeats
        self._broker_answers = broker_answers
        self._end_sidecar = end_sidecar
        self._times = times or WatchTimes()
        self._clock = clock
        self._received_at = clock()
        self._running = 0
        self._failing_since: float | None = None
        self._unreceived: tuple[int, float] | None = None
        """The first heartbeat that was stored and hasn't come back: its number, and when it was sent."""

    @contextlib.contextmanager
    def delivery(self) -> Iterator[None]:
        """Around every delivery: it proves the subscription alive, also while it is being worked on."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._alive()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._times.interval)
            await self.look()

    async def look(self) -> None:
        """Look once; end the sidecar if the subscription is dead."""
        if self._running or self._clock() - self._received_at < self._times.silence:
            return
        try:
            reason = await self._why_dead()
        except (SQLAlchemyError, OSError) as error:
            log.warning("the watch over the subscription can't look", error=str(error))
            return
        if reason is None:
            return
        log.error("the subscription is dead: the sidecar must restart", app_id=self._app_id, reason=reason)
        RESTARTS.inc()
        await self._end_sidecar()
        # The next sidecar has the full time to subscribe before it is judged.
        self._alive()

    async def _why_dead(self) -> str | None:
        last = await self._heartbeats.last()
        if self._unreceived is not None and last >= self._unreceived[0]:
            self._alive()
            return None
        number, event = heartbeat(self._app_id, last)
        try:
            await self._publisher.publish(event)
        except SidecarAwayError:
            # No sidecar, no subscription: its supervisor knows.
            self._alive()
            return None
        except NotPublishedError as error:
            return await self._after_failure(error)
        self._failing_since = None
        if self._unreceived is None:
            self._unreceived = number, self._clock()
        if self._clock() - self._unreceived[1] < self._times.patience:
            return None
        return "heartbeats are stored by the broker, but none is delivered"

    async def _after_failure(self, error: NotPublishedError) -> str | None:
        self._unreceived = None
        if not await self._broker_answers():
            # An outage: a new sidecar couldn't connect either, and its workflows would be away as well.
            self._failing_since = None
            return None
        if self._failing_since is None:
            self._failing_since = self._clock()
        if self._clock() - self._failing_since < self._times.patience:
            return None
        return f"nothing can be published, though the broker answers: {error}"

    def _alive(self) -> None:
        self._received_at = self._clock()
        self._failing_since = None
        self._unreceived = None


async def broker_answers(url: str) -> bool:
    """Whether something takes connections at the broker's address."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(BROKER_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
