"""Events that wait, as the tests make them."""

from datetime import UTC, datetime, timedelta

from event_relay.outboxes import Waiting

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def waiting(subject: str = "order-1", sequence: int = 1, *, source: str = "order", second: float = 0) -> Waiting:
    """An event of `<source>-service`, so many seconds after noon."""
    data = f'{{"order_id": "{subject}"}}'
    when = NOON + timedelta(seconds=second)
    return Waiting(f"/{source}-service", sequence, f"{source}.happened", subject, sequence, data, when)
