"""A world that answers by a script: the answer of each execution is written down beforehand."""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.engine.context import Called
from tests.engine.engine import Engine, Make, Play

ANSWER_SECONDS: Final = 0.125
"""How long an activity takes; exact in binary, so that virtual times can be compared with ==."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one execution of an activity ends."""

    error_type: str = ""
    message: str = ""
    seconds: float | None = ANSWER_SECONDS
    """None: it never answers."""
    response: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the response that differ from the usual ones."""
    envelope: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the reply that differ from the usual ones."""


DONE: Final = Answer()
OUTAGE: Final = Answer("ConnectionError", "the database is away")
REFUSED: Final = Answer("NonRetryableError", "card declined")
NEVER: Final = Answer(seconds=None)
UNREGISTERED: Final = Answer("ActivityNotRegisteredError", "no such activity")
DENIED: Final = Answer("WorkflowAccessPolicyDenied", "denied by policy")
REJECTED: Final = Answer("MessageRejectedError", "can't read the call")
OTHERS_REPLY: Final = Answer(envelope={"step": "another_step"})
UNREADABLE: Final = Answer(envelope={"response": "gibberish"})


def late(seconds: float) -> Answer:
    return Answer(seconds=seconds)


def always(answer: Answer) -> list[Answer]:
    return [answer] * 1000


USUAL: Final[dict[str, dict[str, Any]]] = {
    "reserve_stock": {"reservation_id": "res-1"},
    "release_stock": {"released_units": 3},
    "process_payment": {"payment_id": "pay-1", "amount_cents": 4200},
    "refund_payment": {"refunded_cents": 4200},
    "book_shipment": {"shipment_id": "shp-1", "tracking_number": "TRACK-1"},
    "cancel_shipment": {"cancelled": True},
    "complete_order": {"status": "completed"},
    "park_order": {"status": "needs_attention"},
    "hold_order": {"state": "waiting", "due_at": "2026-01-02T00:00:00Z"},
    "conclude_approval": {"state": "approved", "deadline_at": "2026-01-03T00:00:00Z"},
    "take_over_order": {"taken": True, "timeline": {"version": 1_000_000}},
    "assign_task": {"assignee": "ann", "lane": "standard"},
    "run_ml_inference": {"score": 0.25, "model_version": "fraud-1"},
    "send_email": {"sent": True, "sent_at": "2026-01-01T00:00:00Z"},
    "send_push": {"sent": True, "sent_at": "2026-01-01T00:00:00Z"},
    "compliance_audit_workflow": {
        "audit_id": "aud-1",
        "number": 7,
        "hash": "cafe",
        "recorded_at": "2026-01-01T00:00:00Z",
    },
}


@dataclass(frozen=True, slots=True)
class Raised:
    """An external event, `seconds` after the `nth` call (from 1) to `activity`."""

    name: str
    activity: str
    nth: int = 1
    seconds: float = 0.0
    payload: object = None


class Script:
    """Answers by activity (used up in turn, then done), and external events."""

    def __init__(
        self,
        answers: Mapping[str, Sequence[Answer]] | None = None,
        events: Sequence[Raised] = (),
        *,
        timers_late_seconds: float = 0.0,
    ) -> None:
        """With `timers_late_seconds`, the engine is away when a timer is due, and sees it so much later."""
        self._answers = {activity: deque(turns) for activity, turns in (answers or {}).items()}
        self._events = events
        self._timers_late_seconds = timers_late_seconds
        self._calls: Counter[str] = Counter()

    def play(self, make: Make, order: object) -> Play:
        """Play the workflow that `make` returns for an observer, to its end.

        Raises:
            AssertionError: the workflow waits for something that will never happen.
        """
        played = Engine(self, timers_late_seconds=self._timers_late_seconds).play(make, order)
        if played.waits_for_ever:
            raise AssertionError(f"the workflow waits for ever after {played.calls}")
        return played

    def called(self, engine: Engine, number: int, call: Called) -> None:
        self._calls[call.activity] += 1
        for event in self._events:
            if (event.activity, event.nth) == (call.activity, self._calls[call.activity]):
                engine.after(event.seconds, lambda event=event: engine.raise_event(event.name, event.payload))  # type: ignore[misc] # bound now
        turns = self._answers.get(call.activity)
        answer = turns.popleft() if turns else DONE
        if answer.seconds is None:
            return
        if answer.error_type:
            engine.after(answer.seconds, lambda: engine.fail(number, answer.error_type, answer.message))
        else:
            engine.after(answer.seconds, lambda: engine.complete(number, reply(call, answer)))


def reply(call: Called, answer: Answer = DONE) -> dict[str, Any]:
    """The reply of a participant that did what it was asked."""
    if call.instance_id is not None:
        return {**USUAL[call.activity], **answer.response}
    request = call.envelope["request"]
    if call.activity in {"validate_order", "validate_task"}:
        usual: Mapping[str, Any] = {"claimed": True, "run_id": request["run_id"]}
    elif call.activity in {"close_order", "close_task"}:
        usual = {"status": request["status"]}
    else:
        usual = {**USUAL.get(call.activity, {}), **_closing(request)}
    key = {"saga_id": call.envelope["saga_id"], "step": call.envelope["step"]}
    return {**key, "response": {**usual, **answer.response}, **answer.envelope}


def _closing(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a participant adds that was told to close the step by hand."""
    by_hand = request.get("by_hand")
    return {} if by_hand is None else {"by_hand": {**by_hand, "amount": 7, "unit": "units"}}
