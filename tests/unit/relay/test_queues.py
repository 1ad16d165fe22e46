"""In which order events are published."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from event_relay.outboxes import Waiting
from event_relay.relay import Queues, in_order
from tests.unit.relay.waiting import waiting

pytestmark = pytest.mark.unit


def test_each_order_has_one_event_on_the_way() -> None:
    """Its next goes when the broker has it; orders go side by side."""
    first, second, other = waiting("a", 1), waiting("a", 2, second=1), waiting("b", 1)
    queues = Queues([second, first, other])

    assert queues.heads(10) == [first, other]
    queues.published(first)
    queues.published(other)

    assert queues.heads(10) == [second]


def test_a_request_has_its_limit_and_everyones_turn_comes() -> None:
    """An order with many events doesn't hold up the others."""
    queues = Queues([waiting("a", 1), waiting("a", 2), waiting("b", 1)])

    [head] = queues.heads(1)
    queues.published(head)

    assert [one.id for one in queues.heads(1)] == ["order-service:b:1"]


def test_after_a_failure_the_order_waits() -> None:
    """Whether the event arrived isn't known: a later one must not come before it."""
    first, second, other = waiting("a", 1), waiting("a", 2), waiting("b", 1)
    queues = Queues([first, second, other])

    queues.failed(first)

    assert queues.heads(10) == [other]


def test_causes_come_before_effects_of_other_services() -> None:
    """All services write with the clock of one database server."""
    accepted = waiting("a", 1, source="order", second=0)
    reserved = waiting("a", 1, source="inventory", second=1)
    charged = waiting("a", 1, source="payment", second=2)
    completed = waiting("a", 2, source="order", second=3)

    assert in_order([completed, charged, accepted, reserved]) == [accepted, reserved, charged, completed]


@given(st.lists(st.tuples(st.sampled_from(["order", "payment"]), st.floats(0, 10)), max_size=12))
def test_no_clock_turns_two_events_of_one_source_around(arrivals: list[tuple[str, float]]) -> None:
    """Not even one that was set back in between."""
    events: list[Waiting] = []
    for source, second in arrivals:
        sequence = 1 + sum(one.source == f"/{source}-service" for one in events)
        events.append(waiting("a", sequence, source=source, second=second))

    ordered = in_order(reversed(events))

    for source in ("/order-service", "/payment-service"):
        sequences = [one.sequence for one in ordered if one.source == source]
        assert sequences == sorted(sequences)
    assert sorted(one.id for one in ordered) == sorted(one.id for one in events)
