"""An app's subscription, as its sidecar reads it, and the routes that receive the deliveries."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from aiohttp import web

from shared.events.consumer import Answer
from shared.events.event import PUBSUB, EventType
from shared.events.heartbeats import HEARTBEAT_TYPE
from shared.events.json_text import parse_json

EVENTS_PATH: Final = "/dapr/events"
HEARTBEAT_PATH: Final = "/dapr/heartbeats"


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
    """The subscription as `GET /dapr/subscribe` tells it.

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


class Deliveries(Protocol):
    """The part of the watch over the subscription that the routes use."""

    def delivery(self) -> AbstractContextManager[None]: ...


class Beats(Protocol):
    """The part of the heartbeats that the routes use."""

    async def came(self, number: int, /) -> None: ...


def subscription_routes(
    subscribed: dict[str, Any],
    take: Callable[[bytes], Awaitable[Answer]],
    watch: Deliveries,
    heartbeats: Beats,
) -> list[web.RouteDef]:
    """The routes that the sidecar calls. They exist from the first moment: a 404 would count as delivered."""

    async def subscribe(_: web.Request) -> web.Response:
        return web.json_response([subscribed])

    async def event(request: web.Request) -> web.Response:
        # Not `request.read()`, whose limit is for bodies from outside: an event that is too large would come for ever.
        body = await request.content.read()
        with watch.delivery():
            return web.json_response({"status": await take(body)})

    async def beat(request: web.Request) -> web.Response:
        with watch.delivery():
            await heartbeats.came(_number(await request.content.read()))
        return web.json_response({"status": Answer.SUCCESS})

    return [
        web.get("/dapr/subscribe", subscribe),
        web.post(EVENTS_PATH, event),
        web.post(HEARTBEAT_PATH, beat),
    ]


def _number(body: bytes) -> int:
    """The number of a heartbeat; 0, which proves nothing, for what is none."""
    try:
        number = parse_json(body)["data"]["number"]
    except (ValueError, KeyError, TypeError):
        return 0
    return number if isinstance(number, int) else 0
