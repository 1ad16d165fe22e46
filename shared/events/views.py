"""The documents of dead letters."""

from typing import Any

from shared.web.bodies import Moment, View


class DeadLetterView(View):
    """An event that a consumer gave up on; `type` is whatever the event says."""

    dead_letter_id: str
    consumer: str
    event_id: str
    type: Any
    subject: str
    reason: str
    attempts: int
    died_at: Moment
    replay_requested_by: str | None
    replay_requested_at: Moment | None
    replayed_at: Moment | None


class WholeDeadLetter(DeadLetterView):
    """`GET /dead-letters/{id}`: with the event as it came, or with the body of what was none."""

    topic: str
    event: dict[str, Any] | None
    body: str | None
