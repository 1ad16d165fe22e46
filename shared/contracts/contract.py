"""What one app offers another, as data: the activity, its messages, how often it is tried, how long, and its undo."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from shared.contracts.call import UndoStep
from shared.contracts.message import Message

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an outage is retried. The intervals grow by `coefficient` up to `max_interval_seconds`."""

    max_attempts: int
    first_interval_seconds: float
    coefficient: float
    max_interval_seconds: float

    def seconds_after(self, attempt: int) -> float | None:
        """The pause after the failed attempt with this number (from 1), or None if it was the last."""
        if attempt >= self.max_attempts:
            return None
        exponent = min(attempt - 1, 64)  # beyond this any coefficient is past its cap, and floats overflow
        return min(self.first_interval_seconds * self.coefficient**exponent, self.max_interval_seconds)


@dataclass(frozen=True, slots=True)
class Contract(Generic[RequestT, ResponseT]):
    """One activity of one app. The deadline covers all attempts together; None waits for ever (local calls only).

    `undo` is the compensation of a step. A contract with one is a compensatable step of a saga.
    """

    app_id: str
    activity: str
    request: type[RequestT]
    response: type[ResponseT]
    retry: RetryPolicy
    deadline_seconds: float | None
    undo: "Contract[UndoStep, Any] | None" = None


AnyContract = Contract[Any, Any]


@dataclass(frozen=True, slots=True)
class ChildContract(Generic[RequestT, ResponseT]):
    """One workflow of one app that workflows of others call as their child.

    It fails as `NonRetryableError` if it refuses, and as `MessageRejectedError` if it can't read its input.
    """

    app_id: str
    workflow: str
    request: type[RequestT]
    response: type[ResponseT]
    deadline_seconds: float
    """For the caller's timer. It ends the wait for an app that is slow, not for one that is away: Dapr saves no turn
    that begins a child there, so that the caller stands still until the app is back."""


def with_undos(steps: Iterable[AnyContract]) -> Iterator[AnyContract]:
    """Each step, followed by its undo."""
    for step in steps:
        yield step
        if step.undo is not None:
            yield step.undo


DO: Final = RetryPolicy(max_attempts=5, first_interval_seconds=1.0, coefficient=2.0, max_interval_seconds=30.0)
"""The default of a forward step: 1, 2, 4, 8 s between five attempts."""

UNDO: Final = RetryPolicy(max_attempts=100_000, first_interval_seconds=1.0, coefficient=2.0, max_interval_seconds=60.0)
"""Compensation is far more patient: it is tried until its deadline, and then a person is asked."""

UNTIL_DONE: Final = RetryPolicy(
    max_attempts=1_000_000, first_interval_seconds=0.5, coefficient=2.0, max_interval_seconds=30.0
)
"""For the saga's own records: without them it can't go on, and its own database will be back."""

DO_SECONDS: Final = 30.0
UNDO_SECONDS: Final = 30 * 60.0
"""The patience of a compensation, unless the order carries another (`PlacedOrder.undo_patience_seconds`)."""
TASK_SECONDS: Final = 30 * 60.0
"""Nobody waits at a counter for a task: whom it calls may be away for long, and it goes on when they are back. For its
activities a task may carry another patience (`AcceptedTask.patience_seconds`)."""
