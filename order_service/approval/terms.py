"""Whether and how orders are checked for fraud that are accepted from now on."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.shop.approval import FraudCheck, WhenAway
from shared.shop.inference import RunMlInference
from shared.shop.order import PlacedOrder

PATIENCE_SECONDS: Final = 5.0
"""How long an order waits for its score: a customer waits too, and the shop can do without."""


class Switch(StrEnum):
    """On or off."""

    OFF = "off"
    ON = "on"


@dataclass(frozen=True, slots=True)
class FraudTerms:
    """What every order's check is stamped with (see `FraudCheck`)."""

    threshold: float
    approval_seconds: float
    when_away: WhenAway

    def stamp(self, order: PlacedOrder, email: str, *, orders_last_day: int, deadline_seconds: float) -> PlacedOrder:
        """The order with its check; `deadline_seconds` is what it has after an approval."""
        facts = RunMlInference(
            total_cents=order.total_cents,
            currency=order.currency,
            units=sum(line.quantity for line in order.lines),
            distinct_skus=len(order.lines),
            country=order.shipping_address.country,
            email=email,
            orders_last_day=orders_last_day,
        )
        check = FraudCheck(
            threshold=self.threshold,
            patience_seconds=PATIENCE_SECONDS,
            approval_seconds=self.approval_seconds,
            deadline_seconds=deadline_seconds,
            when_away=self.when_away,
            facts=facts,
        )
        return order.model_copy(update={"fraud_check": check})
