"""The way back: undo what may have happened, and where an undo gives up, do as a person decides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from shared.contracts.call import UndoStep
from shared.contracts.contract import AnyContract
from shared.contracts.repair import (
    AppliedRepair,
    ByHand,
    Decision,
    RepairDecision,
    RepairOutcome,
    StuckStep,
    UndoAnswer,
)
from shared.contracts.timeline import StepKind, StepOutcome
from shared.saga.branches import run_alone
from shared.saga.calls import Caller
from shared.saga.context import Turns, WorkflowContext

REPAIR_EVENT: Final = "repair"
"""A person has decided how a compensation that gave up goes on (`RepairDecision`)."""
DECISION_SECONDS: Final = 60.0
"""How long a decision is tried before the person learns that it can't be carried out now: somebody waits for it."""
_NO_PATIENCE_LEFT: Final = "compensation gave up"


@dataclass(frozen=True, slots=True)
class Undo:
    """A pending compensation: call `contract` for what `step` may have done."""

    contract: AnyContract
    step: str


@dataclass(frozen=True, slots=True)
class StuckUndo:
    """A compensation that gave up: a person decides how it goes on."""

    undo: Undo
    reason: str
    attempts: int

    @property
    def shown(self) -> StuckStep:
        """For the order's record."""
        contract = self.undo.contract
        return StuckStep(
            step=self.undo.step,
            activity=contract.activity,
            app_id=contract.app_id,
            attempts=self.attempts,
            error=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Compensated:
    """What is stuck, and what came of persons' decisions on the way."""

    stuck: tuple[StuckUndo, ...]
    repairs: tuple[AppliedRepair, ...]


class Compensation:
    """Undoes the steps of one saga."""

    def __init__(self, ctx: WorkflowContext, caller: Caller, show: Callable[[], None]) -> None:
        self._ctx = ctx
        self._caller = caller
        self._show = show
        self._repair_ids: set[str] = set()

    def run(self, undos: Sequence[Undo], reason: str) -> Turns[Compensated]:
        """Undo all, newest first; what gives up stops no other."""
        stuck: list[StuckUndo] = []
        repairs: list[AppliedRepair] = []
        for undo in reversed(undos):
            ended = yield from self._undo(undo, UndoStep(reason=reason))
            if isinstance(ended, StuckUndo):
                stuck.append(ended)
            elif ended.by_hand is not None:  # decided in a run before this one, which was lost
                repairs.append(carried_out(ended.by_hand.repair_id, ended))
        return Compensated(tuple(stuck), tuple(repairs))

    def decide(self, stuck: tuple[StuckUndo, ...]) -> Turns[Compensated]:
        """Wait for one decision and carry it out; each decision's id once, however often its event comes."""
        decision = yield from self._next_decision()
        chosen = next((one for one in stuck if decision.step in {one.undo.step, one.undo.contract.activity}), None)
        if chosen is None:
            needless = _applied(decision, RepairOutcome.NOT_NEEDED, "it waited for no decision any more")
            return Compensated(stuck, (needless,))
        request = UndoStep(reason=f"{decision.decision} by {decision.by}: {decision.note}", by_hand=by_hand(decision))
        ended = yield from self._undo(chosen.undo, request, patience_seconds=DECISION_SECONDS)
        others = tuple(one for one in stuck if one is not chosen)
        if isinstance(ended, StuckUndo):
            return Compensated((*others, ended), (_applied(decision, RepairOutcome.STILL_STUCK, ended.reason),))
        repairs = [carried_out(decision.repair_id, ended, decision.decision)]
        if ended.by_hand is not None and ended.by_hand.repair_id != decision.repair_id:
            repairs.append(carried_out(ended.by_hand.repair_id, ended))
        return Compensated(others, tuple(repairs))

    def _next_decision(self) -> Turns[RepairDecision]:
        """The next event that is a decision, and a new one."""
        while True:
            event = self._ctx.wait_for_external_event(REPAIR_EVENT)
            self._show()
            decision = read_decision((yield event))
            if decision is None or decision.repair_id in self._repair_ids:
                continue
            self._repair_ids.add(decision.repair_id)
            return decision

    def _undo(
        self, undo: Undo, request: UndoStep, *, patience_seconds: float | None = None
    ) -> Turns[UndoAnswer | StuckUndo]:
        """Undo one step, or close it by hand; the journal says which of the two it was."""
        journal = self._caller.journal
        call = self._caller.call(undo.contract, undo.step, request, StepKind.UNDO, patience_seconds)
        attempted = yield from run_alone(call, self._show)
        if attempted.outcome is not StepOutcome.DONE:
            verb = _NO_PATIENCE_LEFT if request.by_hand is None else f"{request.by_hand.decision} is not carried out"
            return StuckUndo(undo, f"{verb}: {attempted.error}", journal.attempts_at(undo.contract.activity))
        answer: UndoAnswer = undo.contract.response.model_validate(attempted.response)
        if answer.by_hand is not None:
            skipped = answer.by_hand.decision is Decision.SKIP
            journal.remark_on_last(StepOutcome.FAILED if skipped else StepOutcome.DONE, answer.sentence)
        elif request.by_hand is not None:
            decided = f"{request.by_hand.decision} by {request.by_hand.by}"
            journal.remark_on_last(StepOutcome.DONE, f"{decided}, but nothing was left: {answer.sentence}")
        return answer


def _applied(decision: RepairDecision, outcome: RepairOutcome, detail: str) -> AppliedRepair:
    return AppliedRepair(repair_id=decision.repair_id, outcome=outcome, detail=detail)


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
