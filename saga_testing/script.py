"""A world that answers by a script: the answer of each execution is written down beforehand."""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from saga_testing.context import Called
from saga_testing.engine import Engine, Make, Play

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


Usual = Callable[[Called], Mapping[str, Any]]
"""What an activity, or a child workflow, of this saga usually responds to a call."""


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
        usual: Usual,
        timers_late_seconds: float = 0.0,
    ) -> None:
        """`usual` fills the answers. With `timers_late_seconds`, the engine sees a due timer so much later."""
        self._answers = {activity: deque(turns) for activity, turns in (answers or {}).items()}
        self._events = events
        self._usual = usual
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
            engine.after(answer.seconds, lambda: engine.complete(number, reply(call, self._usual, answer)))


def reply(call: Called, usual: Usual, answer: Answer = DONE) -> dict[str, Any]:
    """The reply of a participant that did what it was asked."""
    response = {**usual(call), **answer.response}
    if call.instance_id is not None:
        return response
    key = {"saga_id": call.envelope["saga_id"], "step": call.envelope["step"]}
    closing = _closing(call.envelope["request"])
    return {**key, "response": {**closing, **response}, **answer.envelope}


def _closing(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a participant adds after closing the step by hand."""
    by_hand = request.get("by_hand")
    return {} if by_hand is None else {"by_hand": {**by_hand, "amount": 7, "unit": "units"}}
