"""Messages about orders that a person has to approve before anything is done for them."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.contracts.message import Message
from shared.shop.inference import RunMlInference

APPROVAL_EVENT: Final = "approval"
"""The row of an order that waits for a person has changed, and is to be read again."""


class WhenAway(StrEnum):
    """What becomes of an order whose fraud score can't be had."""

    PASS = "pass"  # noqa: S105 - no password
    """It goes on as if it were harmless."""
    HOLD = "hold"
    """A person looks at it."""


class FraudCheck(Message):
    """How an order is checked for fraud, stamped on it when it is accepted: later settings don't change its way.

    `threshold`: from this score on a person decides. `patience_seconds`: how long a score is waited for.
    `approval_seconds`: how long a person has; `deadline_seconds`: how long the order has after its approval.
    """

    threshold: float
    patience_seconds: float
    approval_seconds: float
    deadline_seconds: float
    when_away: WhenAway
    facts: RunMlInference


class ApprovalState(StrEnum):
    """Where the approval of an order stands. It leaves `waiting` once, by one conditional update of the order's row."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Nobody decided in time."""
    CANCELLED = "cancelled"
    """The customer cancelled the order first."""
    DROPPED = "dropped"
    """The order's workflow was lost, and the order undone."""


class HoldOrder(Message):
    """Let an order wait for a person; `score` and `model_version` are None if no score was to be had."""

    run_id: str
    why: str
    threshold: float
    score: float | None
    model_version: str | None
    approval_seconds: float


class ConcludeApproval(Message):
    """Read where an approval stands; one whose time is over expires by this."""

    run_id: str


class ApprovalStanding(Message):
    """Where an approval stands, by the order's row.

    `due_at`: until when a person can decide; `deadline_at`: the order's deadline, a new one after an approval.
    """

    state: ApprovalState
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    by: str | None = None
    reason: str | None = None

    @property
    def why_not(self) -> str:
        """Why the order isn't approved."""
        if self.state is ApprovalState.REJECTED:
            return f"{self.by} rejected the order: {self.reason}"
        if self.state is ApprovalState.EXPIRED:
            return "nobody approved the order in time"
        return "another run of the workflow took the order over"
