"""Messages of the payment-service. Money is int minor units with its currency."""

from shared.messages.base import Message
from shared.messages.repair import UndoAnswer


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
