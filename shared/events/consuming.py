"""Composes a consumer for a service: its inbox, its routes and the watch over its subscription."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import aiohttp
import structlog
from aiohttp import web
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.consumer import Answer, Consumer, Handler
from shared.events.dead_letters import SidecarPublisher
from shared.events.event import DEAD_LETTER_TOPIC, TOPIC, EventType
from shared.events.forgetting import forget_settled
from shared.events.heartbeats import Heartbeats
from shared.events.inbox import Inbox
from shared.events.subscription import match_of, subscription, subscription_routes
from shared.events.watch import SubscriptionWatch, WatchTimes, broker_answers
from shared.service.lifecycle import Stop, running
from shared.service.settings import ServiceSettings

log = structlog.get_logger()

SHUTDOWN_SECONDS: Final = 5.0


class ConsumerSettings(ServiceSettings):
    """A service that consumes events."""

    broker_url: str
    """Where the broker is, `nats://host:port`: only to see whether it is there at all."""
    event_max_attempts: int = 10
    inbox_days: float = Field(default=30.0, ge=1)
    """So long an event that is done is remembered: longer than a broker keeps it, and so may deliver it again."""
    subscription_silence_seconds: float = 45.0
    subscription_patience_seconds: float = 30.0

    @property
    def sidecar_url(self) -> str:
        return f"http://{self.dapr_host}:{self.dapr_http_port}"

    @property
    def watch_times(self) -> WatchTimes:
        interval = min(5.0, self.subscription_silence_seconds)
        return WatchTimes(self.subscription_silence_seconds, self.subscription_patience_seconds, interval)


@contextlib.asynccontextmanager
async def consuming(  # noqa: PLR0913 - what makes a consumer
    app_id: str,
    settings: ConsumerSettings,
    database: AsyncEngine,
    handlers: Mapping[EventType, Handler],
    stop: Stop,
    *,
    sources: Mapping[str, str],
    ordered: bool,
) -> AsyncIterator[Sequence[web.RouteDef]]:
    """The routes of a consumer of these events; enter it on the loop that serves them, with an engine of that loop."""
    async with aiohttp.ClientSession() as session:
        publisher = SidecarPublisher(session, settings.sidecar_url, DEAD_LETTER_TOPIC)
        inbox = Inbox(database, ordered=ordered, max_attempts=settings.event_max_attempts)
        consumer = Consumer(app_id, {kind.value: one for kind, one in handlers.items()}, inbox, publisher)
        match = match_of(handlers, sources, ordered=ordered)
        async with (
            running(stop, forget_settled(database, timedelta(days=settings.inbox_days))),
            subscribed(app_id, settings, database, session, TOPIC, match, consumer.take, stop) as routes,
        ):
            yield routes


@contextlib.asynccontextmanager
async def subscribed(  # noqa: PLR0913, PLR0917 - what makes a subscription
    app_id: str,
    settings: ConsumerSettings,
    database: AsyncEngine,
    session: aiohttp.ClientSession,
    topic: str,
    match: str,
    take: Callable[[bytes], Awaitable[Answer]],
    stop: Stop,
) -> AsyncIterator[Sequence[web.RouteDef]]:
    """The routes of a subscription to a topic, under watch. The database's schema has `inbox_cursors`."""
    heartbeats = Heartbeats(database, app_id)
    watch = SubscriptionWatch(
        app_id,
        publisher=SidecarPublisher(session, settings.sidecar_url, topic),
        heartbeats=heartbeats,
        broker_answers=partial(broker_answers, settings.broker_url),
        end_sidecar=partial(end_sidecar, session, settings.sidecar_url),
        times=settings.watch_times,
    )
    async with running(stop, watch.run()):
        yield subscription_routes(subscription(app_id, topic, match), take, watch, heartbeats)


async def end_sidecar(session: aiohttp.ClientSession, sidecar_url: str) -> None:
    """Ask the sidecar to end; its supervisor starts it again."""
    timeout = aiohttp.ClientTimeout(total=SHUTDOWN_SECONDS)
    try:
        async with session.post(f"{sidecar_url}/v1.0/shutdown", timeout=timeout) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("the sidecar doesn't take the request to end", error=repr(error))
