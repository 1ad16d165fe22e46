"""What the tests read as the broker's stream are the shop's events, and nothing that a consumer sends itself."""

from datetime import UTC, datetime

from shared.events.event import CloudEvent
from shared.events.watch import heartbeat
from tests.stream import Stream


def test_heartbeats_are_no_events_of_the_shop() -> None:
    """A consumer that receives nothing for a while sends itself one over the same stream."""
    accepted = CloudEvent(
        id="order-service-1",
        source="/order-service",
        type="order.accepted",
        subject="ord-1",
        time=datetime.now(UTC),
        sequence="1",
        data={},
    )
    _, beat = heartbeat("task-orchestrator-service")

    stream = Stream.of([CloudEvent.model_validate(beat), accepted, CloudEvent.model_validate(beat)])

    assert [("/order-service", "ord-1", "order.accepted")] == stream.happened()
    assert ([], 0) == (stream.out_of_order(), stream.repeats)
