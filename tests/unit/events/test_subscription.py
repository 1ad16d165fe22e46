"""What an app tells its sidecar about its subscription."""

import pytest

from shared.events.event import EventType
from shared.events.subscription import SOURCES, match_of, subscription

pytestmark = pytest.mark.unit


def test_an_unordered_consumer_gets_its_types_only() -> None:
    match = match_of([EventType.ORDER_COMPLETED], ordered=False)

    assert match == '!has(event.type) || !has(event.source) || event.type in ["order.completed"]'


def test_an_ordered_consumer_gets_every_type_of_its_sources() -> None:
    """They are numbered together: a type that is left out would be a gap that never closes."""
    match = match_of([EventType.ORDER_COMPLETED, EventType.ORDER_CANCELLED, EventType.STOCK_RESERVED], ordered=True)

    sources = '["/inventory-service", "/order-service"]'
    assert match == f"!has(event.type) || !has(event.source) || event.source in {sources}"


def test_every_type_has_a_source() -> None:
    assert SOURCES.keys() == {kind.partition(".")[0] for kind in EventType}


def test_there_is_neither_a_default_route_nor_a_dead_letter_topic() -> None:
    """What no rule matches stays in the sidecar, and what can't be delivered stays with the broker."""
    told = subscription("notification-service", "shop-events", "true")

    assert told.keys() == {"pubsubname", "topic", "routes"}
    assert told["routes"].keys() == {"rules"}
