"""How a person goes on with a saga whose compensation gave up."""

from typing import Final

from pydantic import ValidationError

from shared.contracts.repair import AppliedRepair, ByHand, Decision, RepairDecision, RepairOutcome, UndoAnswer

DECISION_SECONDS: Final = 60.0
"""How long a decision is tried before the person learns that it can't be carried out now: somebody waits for it."""


def read_decision(payload: object) -> RepairDecision | None:
    """The decision in an event, or None if it can't be read: anyone can raise an event, and none may end the saga."""
    try:
        return RepairDecision.model_validate(payload)
    except ValidationError:
        return None


def by_hand(decision: RepairDecision) -> ByHand | None:
    """What the participant receives beside the undo, if the step isn't to be undone but closed by hand."""
    return ByHand.model_validate(decision.model_dump()) if decision.decision.is_by_hand else None


def carried_out(repair_id: str, answer: UndoAnswer, decision: Decision = Decision.RETRY) -> AppliedRepair:
    """What came of a decision, by the participant's answer: it knows whether the undo or somebody came first."""
    closing = answer.by_hand
    if closing is None:
        late = "nothing was left to do by hand: " if decision.is_by_hand else ""
        return AppliedRepair(repair_id=repair_id, outcome=RepairOutcome.UNDONE, detail=f"{late}{answer.sentence}")
    outcome = RepairOutcome.SETTLED if closing.decision is Decision.SETTLE else RepairOutcome.WRITTEN_OFF
    earlier = "" if closing.repair_id == repair_id else f"decided earlier ({closing.repair_id}): "
    return AppliedRepair(repair_id=repair_id, outcome=outcome, detail=f"{earlier}{answer.sentence}")
