"""Composes a consumer for a service: its inbox, its subscription, the routes for the deliveries, and the watch."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any, Final

import aiohttp
import structlog
from aiohttp import web
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.consumer import Answer, Consumer, Handler
from shared.events.dead_letters import SidecarPublisher
from shared.events.event import DEAD_LETTER_TOPIC, PUBSUB, TOPIC, EventType
from shared.events.inbox import Inbox, forget_settled
from shared.events.received import parse_json
from shared.events.watch import HEARTBEAT_TYPE, Heartbeats, SubscriptionWatch, WatchTimes, broker_answers
from shared.participant.quarantine import Gate
from shared.service.lifecycle import Stop, running
from shared.service.settings import ServiceSettings
from shared.web.problems import arrived

EVENTS_PATH: Final = "/dapr/events"
HEARTBEAT_PATH: Final = "/dapr/heartbeats"

log = structlog.get_logger()

SHUTDOWN_SECONDS: Final = 5.0


def match_of(types: Iterable[EventType], sources: Mapping[str, str], *, ordered: bool) -> str:
    """The routing rule (CEL) of a consumer of these types; `sources` by family of types, as the registry says.

    An unordered consumer gets no other event. An ordered one gets all types of each source that it takes a type of:
    they are numbered together, so that a type left out would be a gap that never closes. What is no proper event is
    taken as well, so that it ends in the dead letters instead of vanishing.
    """
    if ordered:
        wanted_sources = sorted({sources[kind.partition(".")[0]] for kind in types})
        wanted = f"event.source in {json.dumps(wanted_sources)}"
    else:
        wanted = f"event.type in {json.dumps(sorted(types))}"
    return f"!has(event.type) || !has(event.source) || {wanted}"


def subscription(app_id: str, topic: str, match: str) -> dict[str, Any]:
    """The subscription as `GET /dapr/subscribe` answers it.

    There is no default route: what no rule matches never leaves the sidecar. There is no `deadLetterTopic` either: it
    would get every event that couldn't be delivered at once, and also every event that no rule matches.
    """
    mine = f"has(event.type) && event.type == {json.dumps(HEARTBEAT_TYPE)}"
    return {
        "pubsubname": PUBSUB,
        "topic": topic,
        "routes": {
            "rules": [
                {"match": f"{mine} && event.subject == {json.dumps(app_id)}", "path": HEARTBEAT_PATH},
                {"match": f"!({mine}) && ({match})", "path": EVENTS_PATH},
            ]
        },
    }


def subscription_routes(
    subscribed: dict[str, Any],
    take: Callable[[bytes], Awaitable[Answer]],
    delivery: Callable[[], AbstractContextManager[None]],
    came: Callable[[int], Awaitable[None]],
) -> list[web.RouteDef]:
    """The routes that the sidecar calls. They exist from the first moment: a 404 would count as delivered."""

    async def subscribe(_: web.Request) -> web.Response:
        return web.json_response([subscribed])

    async def event(request: web.Request) -> web.Response:
        # Not `request.read()`, whose limit is for bodies from outside: an event that is too large would come for ever.
        body = await arrived(request.content.read(), request)
        with delivery():
            return web.json_response({"status": await take(body)})

    async def beat(request: web.Request) -> web.Response:
        with delivery():
            await came(_number(await arrived(request.content.read(), request)))
        return web.json_response({"status": Answer.SUCCESS})

    return [web.get("/dapr/subscribe", subscribe), web.post(EVENTS_PATH, event), web.post(HEARTBEAT_PATH, beat)]


def _number(body: bytes) -> int:
    """The number of a heartbeat; 0, which proves nothing, for what is none."""
    try:
        number = parse_json(body)["data"]["number"]
    except (ValueError, KeyError, TypeError):
        return 0
    return number if isinstance(number, int) else 0


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
    gate: Gate | None = None,
) -> AsyncIterator[Sequence[web.RouteDef]]:
    """The routes of a consumer of these events; enter it on the loop that serves them, with an engine of that loop."""
    async with aiohttp.ClientSession() as session:
        publisher = SidecarPublisher(session, settings.sidecar_url, DEAD_LETTER_TOPIC)
        inbox = Inbox(database, ordered=ordered, max_attempts=settings.event_max_attempts)
        by_type = {kind.value: one for kind, one in handlers.items()}
        consumer = Consumer(app_id, by_type, inbox, publisher, gate=gate)
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
        yield subscription_routes(subscription(app_id, topic, match), take, watch.delivery, heartbeats.came)


async def end_sidecar(session: aiohttp.ClientSession, sidecar_url: str) -> None:
    """Ask the sidecar to end; its supervisor starts it again."""
    timeout = aiohttp.ClientTimeout(total=SHUTDOWN_SECONDS)
    try:
        async with session.post(f"{sidecar_url}/v1.0/shutdown", timeout=timeout) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        log.warning("the sidecar doesn't take the request to end", error=repr(error))
