"""Orders for the saga's tests."""

from datetime import UTC, timedelta

from saga_testing.context import SAGA_ID, START
from shared.shop.approval import FraudCheck, WhenAway
from shared.shop.inference import RunMlInference
from shared.shop.inventory import StockLine
from shared.shop.order import PlacedOrder
from shared.shop.shipping import Address

ADDRESS = Address(name="Ada", line1="1 Loop Road", city="London", postal_code="N1", country="GB")
FACTS = RunMlInference(
    total_cents=4200, currency="EUR", units=3, distinct_skus=1, country="GB", email="ada@example.org", orders_last_day=2
)


def a_check(*, when_away: WhenAway = WhenAway.PASS) -> FraudCheck:
    """A person decides from a score of 0.5 on, within a day."""
    return FraudCheck(
        threshold=0.5,
        patience_seconds=5,
        approval_seconds=86_400,
        deadline_seconds=300,
        when_away=when_away,
        facts=FACTS,
    )


def an_order(
    *,
    total_cents: int = 4200,
    run_id: str = "run-1",
    deadline_seconds: float | None = None,
    undo_patience_seconds: float | None = None,
    fraud_check: FraudCheck | None = None,
) -> PlacedOrder:
    """An order whose deadline, if it has one, is so many seconds after its workflow's start."""
    deadline = None if deadline_seconds is None else START.replace(tzinfo=UTC) + timedelta(seconds=deadline_seconds)
    return PlacedOrder(
        order_id=SAGA_ID,
        run_id=run_id,
        lines=(StockLine(sku="TEA", quantity=3),),
        total_cents=total_cents,
        currency="EUR",
        payment_token="tok_visa",
        shipping_address=ADDRESS,
        deadline_at=deadline,
        undo_patience_seconds=undo_patience_seconds,
        fraud_check=fraud_check,
    )
