"""The saga's question before it does anything: is the order risky? If so, a person has to approve it.

It stands before every effect. A waiting order keeps no unit from another customer, holds no charge and no parcel, and
whoever places risky orders can't empty the shop with them; the price is that the goods may be gone when it is approved.
"""

from shared.saga.context import Turns
from shared.saga.failures import NotApproved, SagaCancelled
from shared.saga.saga import Advice, Saga
from shared.shop.approval import APPROVAL_EVENT, ApprovalState, ConcludeApproval, FraudCheck, HoldOrder, WhenAway
from shared.shop.inference import RUN_ML_INFERENCE, MlInferenceResult
from shared.shop.order import CONCLUDE_APPROVAL, HOLD_ORDER, PlacedOrder


def ask_whether_risky(saga: Saga, order: PlacedOrder, check: FraudCheck) -> Turns[None]:
    """Have the order scored, and wait for a person if it is risky.

    Raises:
        NotApproved: a person rejected it, nobody decided in time, or another run owns the order.
        SagaCancelled: the customer cancelled meanwhile.
        SagaOverdue: its deadline passed before it was asked.
    """
    advice = yield from saga.consult(RUN_ML_INFERENCE, check.facts, patience_seconds=check.patience_seconds)
    why = _why_held(check, advice)
    if why is None:
        return
    hold = HoldOrder(
        run_id=order.run_id,
        why=why,
        threshold=check.threshold,
        score=None if advice.answer is None else advice.answer.score,
        model_version=None if advice.answer is None else advice.answer.model_version,
        approval_seconds=check.approval_seconds,
    )
    yield from _wait_for_approval(saga, hold)


def _wait_for_approval(saga: Saga, hold: HoldOrder) -> Turns[None]:
    """The order's row decides; event and timer only say when to read it, so that a lost or doubled one does no harm."""
    standing = yield from saga.record(HOLD_ORDER, hold)
    while standing.state is ApprovalState.WAITING and standing.due_at is not None:
        yield from saga.wait_for_event(APPROVAL_EVENT, standing.due_at)
        standing = yield from saga.record(CONCLUDE_APPROVAL, ConcludeApproval(run_id=hold.run_id))
    if standing.state is ApprovalState.CANCELLED:
        raise SagaCancelled
    if standing.state is not ApprovalState.APPROVED:
        raise NotApproved(standing.why_not)
    if standing.deadline_at is not None:
        saga.move_deadline(standing.deadline_at)


def _why_held(check: FraudCheck, advice: Advice[MlInferenceResult]) -> str | None:
    """Why a person has to look at the order, or None if nobody has to."""
    scored = advice.answer
    if scored is None:
        return f"no fraud score: {advice.why_none}" if check.when_away is WhenAway.HOLD else None
    if scored.score < check.threshold:
        return None
    return f"fraud score {scored.score:.2f} by {scored.model_version}, from {check.threshold:.2f} on a person decides"
