"""The envelope around every activity call and reply."""

from typing import Any

from shared.contracts.faults import Fault
from shared.contracts.message import Message
from shared.contracts.repair import ByHand


class ActivityCall(Message):
    """One attempt at one step of one saga.

    (`saga_id`, `step`) is the idempotency key: it comes from the workflow, since neither Dapr's task ids nor its
    execution ids survive a lost turn. An undo carries the `step` of the do that it undoes.
    """

    saga_id: str
    step: str
    attempt: int
    request: dict[str, Any]
    faults: tuple[Fault, ...] = ()


class ActivityReply(Message):
    """The answer to one call; it echoes its key, so that a late result is never taken for another step's."""

    saga_id: str
    step: str
    response: dict[str, Any]


class UndoStep(Message):
    """The request of every compensation: the key says what to undo, the reason why.

    `by_hand`: close the step for good, but leave its effect to the person who decided so. A participant of a version
    that doesn't know it undoes the step, so that participants are deployed before the order-service.
    """

    reason: str
    by_hand: ByHand | None = None
