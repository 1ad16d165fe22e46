"""What arrives as an event and is none: it becomes a dead letter, whatever it is."""

import pytest

from shared.events.received import UnreadableEventError, open_envelope, read_event

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("body", [b"", b"\xff", b"1", b"[" * 60_000, b'{"id":' * 6_000])
def test_an_envelope_is_made_of_any_body(body: bytes) -> None:
    """With the same id at each delivery."""
    envelope = open_envelope(body)

    assert envelope.id.startswith("unreadable-")
    assert envelope == open_envelope(body)
    with pytest.raises(UnreadableEventError):
        read_event(envelope)
