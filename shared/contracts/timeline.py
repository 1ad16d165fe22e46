"""What the saga did so far, as the order's record shows it."""

from datetime import datetime
from enum import StrEnum

from shared.contracts.message import Message


class StepKind(StrEnum):
    """Forward or back."""

    DO = "do"
    UNDO = "undo"


class StepOutcome(StrEnum):
    """How a step ended."""

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    """A business no; the participant changed nothing."""
    UNKNOWN = "unknown"
    """Retries or time ran out, or the participant is gone: it may have happened."""
    FAILED = "failed"
    """An error that retries can't change. A failed do is undone; a failed undo needs a person."""


class AttemptError(Message):
    """Why one attempt of a step failed."""

    attempt: int
    at: datetime
    error: str


class StepRecord(Message):
    """One call of the saga to one activity, over all its attempts. Times are UTC, from the workflow's history."""

    name: str
    app_id: str
    kind: StepKind
    outcome: StepOutcome
    attempts: int
    started_at: datetime
    ended_at: datetime | None = None
    error: str | None = None
    errors: tuple[AttemptError, ...] = ()


class Timeline(Message):
    """All steps in the order of their start; `version` grows with every change."""

    version: int
    steps: tuple[StepRecord, ...] = ()
