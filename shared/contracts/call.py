"""The envelope around every activity call and reply, and the faults that it may carry in demo and test mode."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from shared.contracts.message import Message
from shared.contracts.repair import ByHand


class FaultMode(StrEnum):
    """How a participant misbehaves."""

    REFUSE = "refuse"
    """A business no; nothing changed."""
    FAIL = "fail"
    """An outage before the effect."""
    DELAY = "delay"
    """Waits `seconds` before the effect, or before what is planned next for the same activity."""
    HANG = "hang"
    """Commits, then doesn't answer for `seconds`."""
    CRASH_BEFORE = "crash_before"
    """The participant's process dies by SIGKILL before the commit."""
    CRASH_AFTER = "crash_after"
    """The participant's process dies by SIGKILL after the commit, before the reply."""
    LOSE_REPLY = "lose_reply"
    """Commits, then fails."""
    DUPLICATE = "duplicate"
    """The handler runs twice, in parallel."""


class Fault(Message):
    """One planned fault: it strikes the first `times` executions of `activity` for the order that carries it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activity: Annotated[str, Field(min_length=1, max_length=100)]
    mode: FaultMode
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    seconds: Annotated[float, Field(ge=0, le=600)] = 2.0


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
