"""The fault plan that an order may carry in demo and test mode."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from shared.contracts.message import Message


class FaultMode(StrEnum):
    """How a participant misbehaves."""

    REFUSE = "refuse"
    """A business no; nothing changed."""
    FAIL = "fail"
    """An outage before the effect."""
    DELAY = "delay"
    """Waits `seconds` before the effect."""
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
