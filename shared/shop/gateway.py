"""The payment gateway: a company of its own, hence without sidecar, and what any such gateway must answer.

Amounts are int minor units.
"""

from enum import StrEnum
from typing import Final

from shared.contracts.app import App
from shared.shop.groups import CORE
from shared.web.bodies import View

PAYMENT_GATEWAY: Final = "payment-gateway"


class ChargeStatus(StrEnum):
    """What became of a key at the gateway."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    VOID = "void"
    """Closed before any charge."""


class Charge(View):
    """The first answer to a charge; it never changes, whatever happens to the charge later.

    Amount and currency are None if the key was closed before any charge.
    """

    charge_id: str
    status: ChargeStatus
    amount_cents: int | None
    currency: str | None


class ChargeState(Charge):
    """How the charge under a key stands now: `amount_cents` was asked for, `refunded_cents` given back."""

    refunded_cents: int = 0
    closed: bool = False


class Refunded(View):
    """The answer to a refund: what has been given back of the charge with it and all before it."""

    total_refunded_cents: int


class Reversal(View):
    """What had been charged under a closed key, and what of it is given back (all, after a void)."""

    charge_id: str | None
    amount_cents: int
    refunded_cents: int
    currency: str | None

    @property
    def kept_cents(self) -> int:
        """What the gateway still holds."""
        return self.amount_cents - self.refunded_cents


GATEWAY: Final = App(
    app_id=PAYMENT_GATEWAY,
    group=CORE,
    has_sidecar=False,
    shows={"charges": ("idempotency_key", "reference", "captured_cents", "refunded_cents", "currency", "created_at")},
)
