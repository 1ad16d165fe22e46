"""Messages of the payment-service. Money is int minor units with its currency."""

from typing import Final

from shared.contracts.app import App, HandBooks, Rule
from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, DO_SECONDS, UNDO, UNDO_SECONDS, Contract
from shared.contracts.message import Message
from shared.contracts.repair import UndoAnswer
from shared.money import money
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.groups import CORE

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
    currency: str | None = None
    """None if nothing was charged."""

    @property
    def _undone(self) -> str:
        if not self.refunded_cents or self.currency is None:
            return "nothing was charged"
        return f"{money(self.refunded_cents, self.currency)} were refunded"


REFUND_PAYMENT: Final = Contract(PAYMENT_SERVICE, "refund_payment", UndoStep, PaymentRefunded, UNDO, UNDO_SECONDS)
PROCESS_PAYMENT: Final = Contract(
    PAYMENT_SERVICE, "process_payment", ProcessPayment, PaymentProcessed, DO, DO_SECONDS, undo=REFUND_PAYMENT
)

PAYMENT: Final = App(
    app_id=PAYMENT_SERVICE,
    group=CORE,
    contracts=(PROCESS_PAYMENT, REFUND_PAYMENT),
    event_family="payment",
    peers={"PAYMENT_GATEWAY_URL": PAYMENT_GATEWAY},
    shows={"ledger_entries": ("transaction_id", "saga_id", "step", "kind", "account", "amount_cents", "currency")},
    hand_books=HandBooks(
        "money_by_hand_is_booked",
        "The ledger has exactly the money that a person settled or wrote off.",
        """
            SELECT saga_id, step, CASE account WHEN 'written_off' THEN 'written_off' ELSE 'settled' END AS status,
                   -sum(amount_cents) AS amount
            FROM payment_service.ledger_entries WHERE account IN ('settled_by_hand', 'written_off')
            GROUP BY saga_id, step, account
        """,
    ),
    rules=(
        Rule(
            "ledger_balances",
            "Every transaction of the ledger adds up to zero in its currency.",
            """
            SELECT transaction_id AS subject, 'off by ' || sum(amount_cents) || ' ' || currency AS detail
            FROM payment_service.ledger_entries GROUP BY transaction_id, currency HAVING sum(amount_cents) <> 0
            """,
        ),
    ),
)
