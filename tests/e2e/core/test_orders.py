"""Orders on the real stack as customers meet them; planned faults are the matrix's (tests/failure_injection)."""

from typing import Any

import pytest

from shared.shop.reasons import Reason
from tests.e2e.shop import DO, NO_PARCEL, UNDO, Shop, fault, outcomes

REFUSED: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, Any], str, Reason]] = {
    "reserve_stock": (
        (),
        {"quantity": 10_000, "sku": "DSK-CALENDAR"},
        "reserve_stock on inventory-service was refused",
        Reason.OUT_OF_STOCK,
    ),
    "process_payment": (
        (),
        {"token": "tok_declined"},
        "process_payment on payment-service was refused",
        Reason.CARD_DECLINED,
    ),
    "book_shipment": ((NO_PARCEL,), {}, "book_shipment on shipping-service was refused", Reason.NO_DELIVERY),
}


def test_an_order_without_trouble_completes(shop: Shop) -> None:
    """Reserve, pay, ship, each once, and the customer sees a tracking number."""
    order = shop.end_of(shop.order(quantity=2))

    assert order["status"] == "completed"
    assert [(name, "done") for name in DO] == outcomes(order)
    assert [1, 1, 1] == [step["attempts"] for step in order["steps"]]
    assert order["tracking_number"]
    assert 2 * 1290 == order["total_cents"]


@pytest.mark.parametrize("step", DO)
def test_a_business_no_undoes_what_came_before_newest_first(shop: Shop, step: str) -> None:
    """A refused step has nothing to undo; the steps before it are undone newest first."""
    faults, changes, error, reason = REFUSED[step]

    order = shop.end_of(shop.order(*faults, **changes))

    before = DO[: DO.index(step)]
    undone = [(UNDO[name], "done") for name in reversed(before)]
    assert order["status"] == "compensated"
    assert [*((name, "done") for name in before), (step, "refused"), *undone] == outcomes(order)
    assert order["error"].startswith(error)
    assert order["reason"] == reason


def test_an_undo_that_gives_up_stops_no_other_and_asks_for_a_person(shop: Shop) -> None:
    """The refund gives up; the stock is released all the same, and the order says why it needs attention."""
    order_id = shop.order(fault("refund_payment", "refuse"), NO_PARCEL)

    order = shop.reaches(order_id, "release_stock", "done")

    assert ("refund_payment", "failed") in outcomes(order)
    shop.all_end()
    order = shop.show(order_id)
    assert order["status"] == "needs_attention"
    assert "refund_payment" in order["error"]
    assert order["reason"] == Reason.NEEDS_A_PERSON
    assert order["total_cents"] == order["money_at_risk_cents"]


def test_the_gateway_says_no_later_or_never(shop: Shop) -> None:
    """A slow card completes; a card whose gateway answers 5xx is unknown, and undone by its key."""
    slow, broken = shop.order(token="tok_slow"), shop.order(token="tok_error")

    assert shop.end_of(slow)["status"] == "completed"
    order = shop.end_of(broken)
    assert order["status"] == "compensated"
    assert ("process_payment", "unknown") in outcomes(order)
    assert ("refund_payment", "done") in outcomes(order)
