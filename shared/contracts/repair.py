"""What a person decides about a compensation that gave up, and what comes of it."""

from enum import StrEnum

from shared.contracts.message import Message
from shared.money import money


class Decision(StrEnum):
    """What to do with a compensation that gave up."""

    RETRY = "retry"
    """Undo it again: what was in its way is gone."""
    SKIP = "skip"
    """Leave it undone and write it off; the note says why."""
    SETTLE = "settle"
    """A person undoes it outside the system; the note says how."""

    @property
    def is_by_hand(self) -> bool:
        """The participant closes the step without undoing it."""
        return self is not Decision.RETRY


class RepairDecision(Message):
    """One person's decision about one step, sent as an external event; it may come more than once."""

    step: str
    decision: Decision
    by: str
    note: str
    repair_id: str


class ByHand(Message):
    """A decision to close a step by hand, as its participant receives it."""

    repair_id: str
    decision: Decision
    by: str
    note: str

    def closes(self, amount: int, unit: str) -> "ClosedByHand":
        """The record of so much being closed by this decision."""
        return ClosedByHand(**self.model_dump(), amount=amount, unit=unit)


def amount_of(amount: int, unit: str) -> str:
    """What was closed, for a person: `3 units`, `1 parcels`, or money."""
    return f"{amount} {unit}" if unit.islower() else money(amount, unit)


class ClosedByHand(ByHand):
    """What a participant did not undo, because a person had decided so: `amount` in `unit`.

    `unit` is `units`, `parcels`, or a currency, of which `amount` counts the minor units.
    """

    amount: int
    unit: str

    @property
    def sentence(self) -> str:
        """For the timeline and the repair API."""
        verb = "settled by hand" if self.decision is Decision.SETTLE else "written off"
        return f"{amount_of(self.amount, self.unit)} {verb} by {self.by}: {self.note}"


class UndoAnswer(Message):
    """The answer to a compensation. `by_hand`: a person's decision closed the step, now or earlier."""

    by_hand: ClosedByHand | None = None

    @property
    def sentence(self) -> str:
        """What became of the step."""
        return self._undone if self.by_hand is None else self.by_hand.sentence

    @property
    def _undone(self) -> str:
        return "it is undone"


class RepairOutcome(StrEnum):
    """What came of a decision."""

    UNDONE = "undone"
    """Nothing of the step is left: there is nothing for a person to do, whatever was decided."""
    SETTLED = "settled"
    """The step is closed: what the detail names is for a person to give back, and nothing else will."""
    WRITTEN_OFF = "written_off"
    """The step is closed, and what the detail names is left as it is."""
    STILL_STUCK = "still_stuck"
    """It could not be carried out; the order waits for another decision."""
    NOT_NEEDED = "not_needed"
    """The step didn't wait for a decision any more."""


class RepairStatus(StrEnum):
    """How far a decision has come."""

    REQUESTED = "requested"
    """It is stored, and can't be lost any more."""
    SENT = "sent"
    """The workflow has its event."""
    APPLIED = "applied"
    """It was carried out, or couldn't be: see the outcome."""


class AppliedRepair(Message):
    """A decision that was carried out, or couldn't be."""

    repair_id: str
    outcome: RepairOutcome
    detail: str


class StuckStep(Message):
    """A compensation that waits for a person; `attempts` over all its rounds."""

    step: str
    activity: str
    app_id: str
    attempts: int
    error: str
