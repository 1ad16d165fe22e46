"""Why an order didn't go as its customer wanted, in the customer's words: one fixed sentence per kind.

Nothing that anybody sent stands in them: whatever a participant, a gateway or a person said is the order's `error`, for
operators. A sentence about money is true of every order that ends with it.
"""

from enum import StrEnum
from typing import Final

from shared.contracts.timeline import StepKind, StepOutcome, StepRecord, Timeline
from shared.shop.inference import RUN_ML_INFERENCE
from shared.shop.inventory import RESERVE_STOCK
from shared.shop.order import OrderStatus
from shared.shop.payment import PROCESS_PAYMENT, REFUND_PAYMENT
from shared.shop.shipping import BOOK_SHIPMENT

_GIVEN_BACK: Final = "Nothing was charged, or it has been given back."


class Reason(StrEnum):
    """All that can stand in an order's `reason`."""

    OUT_OF_STOCK = "Something that you ordered is not in stock in that quantity. Nothing was charged."
    CARD_DECLINED = "Your card was declined. Nothing was charged."
    NO_DELIVERY = f"We can't deliver to this address. {_GIVEN_BACK}"
    REFUSED = f"We can't fulfil this order. {_GIVEN_BACK}"
    """A step without a sentence of its own said no."""
    PAYMENT_FAILED = f"The payment could not be taken. {_GIVEN_BACK}"
    NOT_APPROVED = "We can't accept this order. Nothing was charged."
    NOT_APPROVED_IN_TIME = "We could not look at this order in time. Nothing was charged."
    TOOK_TOO_LONG = f"This order could not be completed in time. {_GIVEN_BACK}"
    OUR_FAULT = f"Something went wrong on our side. {_GIVEN_BACK}"
    CANCELLED = "You cancelled this order."
    NOT_GIVEN_BACK = "We could not undo all of this order. Please contact us."
    """A person closed the refund and gave nothing back."""
    NEEDS_A_PERSON = "Something went wrong on our side. A person is looking after this order."


_WHEN_REFUSED: Final = {
    RESERVE_STOCK.activity: Reason.OUT_OF_STOCK,
    PROCESS_PAYMENT.activity: Reason.CARD_DECLINED,
    BOOK_SHIPMENT.activity: Reason.NO_DELIVERY,
}
_OF_STATUS: Final = {
    OrderStatus.COMPENSATED: Reason.OUR_FAULT,
    OrderStatus.CANCELLED: Reason.CANCELLED,
    OrderStatus.NEEDS_ATTENTION: Reason.NEEDS_A_PERSON,
}
_SENTENCES: Final = frozenset(reason.value for reason in Reason)


def step_that_stopped(timeline: Timeline) -> StepRecord | None:
    """The step that stopped an order; None if no step did, so that it was time, a person, or a lost workflow."""
    for step in reversed(timeline.steps):
        goes_on_without = step.kind is StepKind.UNDO or step.name == RUN_ML_INFERENCE.activity
        if not goes_on_without and step.outcome is not StepOutcome.DONE:
            return step
    return None


def stopped_by(step: StepRecord) -> Reason:
    """The sentence about a step that stopped an order."""
    if step.outcome is StepOutcome.REFUSED:
        return _WHEN_REFUSED.get(step.name, Reason.REFUSED)
    return Reason.PAYMENT_FAILED if step.name == PROCESS_PAYMENT.activity else Reason.OUR_FAULT


def gave_back(timeline: Timeline) -> bool:
    """Whether no refund was owed in vain: the last word on it isn't that a person left it."""
    refunds = [step.outcome for step in timeline.steps if step.name == REFUND_PAYMENT.activity]
    return not refunds or refunds[-1] is StepOutcome.DONE


def for_customer(status: str, stored: str | None) -> Reason | None:
    """What a customer reads: what is stored, if it is one of the sentences, else that of the status.

    Rows and events of earlier versions, or of a stranger, hold other text.
    """
    if status not in _OF_STATUS:
        return None
    return Reason(stored) if stored in _SENTENCES else _OF_STATUS[OrderStatus(status)]


def for_operators(error: str | None, stored: str | None) -> str | None:
    """What an operator reads: the whole story, which rows of earlier versions hold as their reason."""
    return stored if error is None and stored not in _SENTENCES else error
