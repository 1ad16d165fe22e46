"""What the relay sends to its sidecar, and what it makes of the answer; a web server stands for the sidecar."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from event_relay.outboxes import Waiting
from event_relay.publisher import BrokerAwayError, BulkPublisher
from shared.events.event import CloudEvent
from tests.unit.relay.waiting import NOON, waiting

pytestmark = pytest.mark.unit

EVENTS = [waiting("a", 1), waiting("b", 3)]


@dataclass
class Sidecar:
    """Answers as a test sets it, and keeps what it was asked."""

    status: int = 204
    body: str = ""
    asked: list[Any] = field(default_factory=list)

    async def publish(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.Response(status=self.status, text=self.body)


@pytest.fixture
def sidecar() -> Sidecar:
    return Sidecar()


@pytest.fixture
async def publisher(sidecar: Sidecar) -> AsyncIterator[BulkPublisher]:
    app = web.Application()
    app.router.add_post("/v1.0/publish/bulk/pubsub/shop-events", sidecar.publish)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield BulkPublisher(session, str(server.make_url("")).rstrip("/"))


async def failure(publisher: BulkPublisher) -> BrokerAwayError:
    with pytest.raises(BrokerAwayError) as caught:
        await publisher.publish(EVENTS)
    return caught.value


async def test_events_travel_as_cloud_events(publisher: BulkPublisher, sidecar: Sidecar) -> None:
    """With the envelope that consumers read."""
    await publisher.publish(EVENTS)

    [entries] = sidecar.asked
    assert [entry["contentType"] for entry in entries] == ["application/cloudevents+json"] * 2
    assert [entry["metadata"] for entry in entries] == [{"partitionKey": "a"}, {"partitionKey": "b"}]
    assert CloudEvent.model_validate(entries[1]["event"]) == CloudEvent(
        id="order-service:b:3",
        source="/order-service",
        type="order.happened",
        subject="b",
        time=NOON,
        sequence="3",
        data={"order_id": "b"},
    )


async def test_a_sidecar_names_what_failed(publisher: BulkPublisher, sidecar: Sidecar) -> None:
    """The others have arrived."""
    sidecar.status = 500
    sidecar.body = json.dumps({"errorCode": "ERR_PUBSUB_PUBLISH_MESSAGE", "failedEntries": [{"entryId": "1"}]})

    error = await failure(publisher)

    assert error.failed == EVENTS[1:]
    assert error.sidecar_answers


@pytest.mark.parametrize(
    "body", ["", "no JSON", "[]", '{"failedEntries": []}', '{"failedEntries": [{"entryId": "9"}]}']
)
async def test_an_answer_that_names_none_stands_for_all(publisher: BulkPublisher, sidecar: Sidecar, body: str) -> None:
    """Nothing is taken for published without the broker's word."""
    sidecar.status, sidecar.body = 500, body

    assert (await failure(publisher)).failed == EVENTS


async def test_a_sidecar_that_is_away_is_distinguished(unused_tcp_port: int) -> None:
    """Its supervisor looks after it."""
    async with aiohttp.ClientSession() as session:
        error = await failure(BulkPublisher(session, f"http://127.0.0.1:{unused_tcp_port}"))

    assert error.failed == EVENTS
    assert not error.sidecar_answers


def test_ids_are_the_events_own() -> None:
    """Of two services, of two orders, of two events of an order: never the same."""
    events: list[Waiting] = [
        waiting("a", 1),
        waiting("a", 2),
        waiting("b", 1),
        waiting("a", 1, source="payment"),
    ]

    assert len({event.id for event in events}) == len(events)
