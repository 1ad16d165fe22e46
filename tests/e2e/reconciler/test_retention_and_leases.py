"""On the real stack: what has finished leaves the state store and is shown as before; orphaned reservations end."""

import asyncio
from uuid import uuid4

import pytest

from inventory_service.store import Stock
from shared.database import create_engine
from shared.participant.errors import Refused
from shared.participant.fence import Fence, StepKey
from shared.shop.inventory import StockLine
from shared.shop.order import ORDER_WORKFLOW, PlacedOrder
from tests.e2e.reconciler.conftest import Backstage
from tests.e2e.reconciler.test_recovery import found
from tests.e2e.shop import Shop, an_order, eventually, fault


def test_a_purged_order_answers_as_before(shop: Shop, backstage: Backstage) -> None:
    """The state store has nothing of it any more; the order's page, its repeats and a late cancel don't change."""
    keys = {status: uuid4().hex for status in ("completed", "compensated")}
    bodies = {"completed": an_order(), "compensated": an_order(token="tok_declined")}
    ids = {status: shop.post_order(bodies[status], key).body["order_id"] for status, key in keys.items()}
    shown = {status: shop.end_of(order_id) for status, order_id in ids.items()}
    assert {status: status for status in ids} == {status: order["status"] for status, order in shown.items()}

    for order_id in ids.values():
        eventually(lambda order_id=order_id: backstage.rows_of(order_id) == 0 or None, "its workflow is purged")  # type: ignore[misc]

    for status, order_id in ids.items():
        assert backstage.status_of(order_id) is None
        assert shown[status] == shop.show(order_id)
        assert (202, order_id) == (
            (answer := shop.post_order(bodies[status], keys[status])).status,
            answer.body["order_id"],
        )
        assert 409 == shop.post_order(an_order(quantity=2), keys[status]).status
        assert 409 == shop.call("POST", f"/orders/{order_id}/cancel").status
        assert backstage.status_of(order_id) is None, "a repeat started the workflow again"


def test_an_order_with_a_late_activity_is_purged_late(shop: Shop, backstage: Backstage) -> None:
    """Its payment answers long after it was undone; until then its workflow stays."""
    answer = shop.post_order({**an_order(fault("process_payment", "hang", seconds=8)), "deadline_seconds": 2})
    late = answer.body["order_id"]
    shop.placed.append(late)
    quick = shop.order()
    shop.end_of(late)
    shop.end_of(quick)

    eventually(lambda: backstage.rows_of(quick) == 0 or None, "the untroubled order is purged")

    assert backstage.rows_of(late) > 0
    eventually(lambda: backstage.rows_of(late) == 0 or None, "the other one is purged in the end")


def test_a_workflow_that_appears_after_the_purge_is_removed(shop: Shop, backstage: Backstage) -> None:
    """A start whose answer was lost comes late: that run finds the order claimed, does nothing, and is removed."""
    order_id = shop.order()
    shown = shop.end_of(order_id)
    eventually(lambda: backstage.status_of(order_id) is None or None, "its workflow is purged")

    start_again(backstage, order_id)
    eventually(lambda: backstage.rows_of(order_id) > 0 or None, "it is there again")

    eventually(lambda: backstage.rows_of(order_id) == 0 or None, "it is removed again")
    assert shown == shop.show(order_id)


def test_a_reservation_without_an_order_ends_by_itself(shop: Shop, backstage: Backstage) -> None:
    """It is found and reported; its lease ends, its units are back, and a late duplicate is refused."""
    stranger = f"stranger-{uuid4().hex}"
    before = available(shop)
    reserve(backstage, stranger)
    assert available(shop) == before - 3

    finding = found(shop, "reservation_without_order", stranger)
    eventually(lambda: available(shop) == before or None, "the units are back")

    assert "3 units reserved" in finding["seen"]
    found(shop, "reservation_without_order", stranger, "resolved")
    with pytest.raises(Refused, match="undone before it arrived"):
        reserve(backstage, stranger)
    assert available(shop) == before


def test_the_lease_of_a_living_order_is_extended_and_a_sold_one_kept(shop: Shop, backstage: Backstage) -> None:
    """An order takes longer than its lease: its units are its own while it is open, and once it is completed."""
    order_id = shop.order(fault("book_shipment", "delay", seconds=7))

    assert shop.end_of(order_id)["status"] == "completed"

    confirmed = f"SELECT lease_until IS NULL FROM inventory_service.reservations WHERE saga_id = '{order_id}'"
    eventually(lambda: backstage.sql("auditor", confirmed) or None, "its lease has ended for good")


def start_again(backstage: Backstage, order_id: str) -> None:
    """Start the order's workflow under its own id, as the order-service did."""
    order = PlacedOrder.model_validate({**backstage.placed(order_id), "run_id": uuid4().hex})
    backstage.engine(
        lambda client: client.schedule_new_workflow(
            ORDER_WORKFLOW, input=order.model_dump(mode="json"), instance_id=order_id
        )
    )


def available(shop: Shop) -> int:
    items = shop.call("GET", "/products?limit=200").body["items"]
    return int(next(item["available"] for item in items if item["sku"] == "DSK-CALENDAR"))


def reserve(backstage: Backstage, saga_id: str) -> None:
    """As inventory-service does it, for a saga that isn't an order's."""

    async def call() -> None:
        engine = create_engine(backstage.layout.url_of("inventory_service"), application_name="tests", pool_size=1)
        try:
            stock = Stock(Fence(engine), lease_seconds=4)
            await stock.reserve(StepKey(saga_id, "reserve_stock"), [StockLine(sku="DSK-CALENDAR", quantity=3)])
        finally:
            await engine.dispose()

    asyncio.run(call())
