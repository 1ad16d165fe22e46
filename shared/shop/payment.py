"""Messages of the payment-service. Money is int minor units with its currency."""

from typing import Final

from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, DO_SECONDS, UNDO, UNDO_SECONDS, Contract
from shared.contracts.message import Message
from shared.contracts.repair import UndoAnswer

PAYMENT_SERVICE: Final = "payment-service"


class ProcessPayment(Message):
    """Charge the customer's card token."""

    amount_cents: int
    currency: str
    token: str


class PaymentProcessed(Message):
    """The card was charged."""

    payment_id: str
    amount_cents: int


class PaymentRefunded(UndoAnswer):
    """What was refunded of this payment: all that had been charged, unless a person closed the step."""

    refunded_cents: int

    @property
    def _undone(self) -> str:
        return f"{self.refunded_cents} cents were refunded" if self.refunded_cents else "nothing was charged"


REFUND_PAYMENT: Final = Contract(PAYMENT_SERVICE, "refund_payment", UndoStep, PaymentRefunded, UNDO, UNDO_SECONDS)
PROCESS_PAYMENT: Final = Contract(
    PAYMENT_SERVICE, "process_payment", ProcessPayment, PaymentProcessed, DO, DO_SECONDS, undo=REFUND_PAYMENT
)
