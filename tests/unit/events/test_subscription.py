"""What an app answers its sidecar about its subscription."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.events.consumer import Answer
from shared.events.consuming import HEARTBEAT_PATH, match_of, subscription, subscription_routes
from shared.events.event import EventType
from shared.shop.registry import SHOP
from tests.integration.api import client_of

pytestmark = pytest.mark.unit


class Heart:
    """Stands in for the heartbeats and the watch over them."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    async def came(self, number: int) -> None:
        self.numbers.append(number)

    @contextmanager
    def delivery(self) -> Iterator[None]:
        yield

    async def take(self, _: bytes) -> Answer:
        return Answer.SUCCESS


def test_an_unordered_consumer_gets_its_types_only() -> None:
    match = match_of([EventType.ORDER_COMPLETED], SHOP.sources, ordered=False)

    assert match == '!has(event.type) || !has(event.source) || event.type in ["order.completed"]'


def test_an_ordered_consumer_gets_every_type_of_its_sources() -> None:
    """They are numbered together: a type that is left out would be a gap that never closes."""
    match = match_of(
        [EventType.ORDER_COMPLETED, EventType.ORDER_CANCELLED, EventType.STOCK_RESERVED], SHOP.sources, ordered=True
    )

    sources = '["/inventory-service", "/order-service"]'
    assert match == f"!has(event.type) || !has(event.source) || event.source in {sources}"


def test_every_type_has_a_source() -> None:
    assert SHOP.sources.keys() == {kind.partition(".")[0] for kind in EventType}


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 60_000])
async def test_a_heartbeat_that_is_none_proves_nothing(body: bytes) -> None:
    """It is answered all the same, so that it doesn't come for ever."""
    heart = Heart()
    routes = subscription_routes({}, heart.take, heart.delivery, heart.came)

    async with client_of(routes) as client, client.post(HEARTBEAT_PATH, data=body) as response:
        assert {"status": "SUCCESS"} == await response.json()

    assert [0] == heart.numbers


def test_there_is_neither_a_default_route_nor_a_dead_letter_topic() -> None:
    """What no rule matches stays in the sidecar, and what can't be delivered stays with the broker."""
    subscribed = subscription("notification-service", "shop-events", "true")

    assert subscribed.keys() == {"pubsubname", "topic", "routes"}
    assert subscribed["routes"].keys() == {"rules"}
