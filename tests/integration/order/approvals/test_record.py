"""What waits is listed and counted, and how a wait ended is kept for good."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.integration.order.approvals.world import APPROVE, ApprovalWorld
from tests.integration.order.world import World, count_waiting, metric


async def test_what_waits_is_listed_oldest_first_page_by_page(api: ApprovalWorld) -> None:
    """With age, score and amount at risk; what was decided is listed no more, but can be looked up."""
    order_ids = [await api.held() for _ in range(3)]
    await api.decide(order_ids[1], APPROVE)

    first = await api.get("/approvals?limit=1")
    second = await api.get(f"/approvals?limit=1&cursor={first['next_cursor']}")

    assert [order_ids[0], order_ids[2]] == [page["items"][0]["order_id"] for page in (first, second)]
    assert second["next_cursor"] is None
    (waiting,) = first["items"]
    assert (waiting["state"], waiting["score"], waiting["model_version"]) == ("waiting", 0.93, "fraud-1")
    assert (waiting["amount_at_risk_cents"], waiting["currency"], waiting["why"]) == (100, "EUR", "risky")
    assert waiting["age_seconds"] >= 0
    decided = await api.get(f"/orders/{order_ids[1]}/approval")
    assert (decided["state"], decided["by"], decided["decided_at"] is not None) == ("approved", "ann", True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE approvals SET outcome = 'rejected' WHERE order_id = :order_id",
        "DELETE FROM approvals WHERE order_id = :order_id",
        "TRUNCATE approvals",
        "UPDATE orders SET approval_state = 'rejected' WHERE order_id = :order_id",
        "UPDATE orders SET approval_state = NULL WHERE order_id = :order_id",
    ],
)
async def test_the_record_can_not_be_changed(api: ApprovalWorld, change: str) -> None:
    """Not even by the service's own role."""
    order_id = await api.held()
    await api.decide(order_id, APPROVE)

    with pytest.raises(IntegrityError):
        await api.execute(change, order_id)


async def test_the_orders_of_a_customers_last_day_are_counted(world: World) -> None:
    """By the account, not by the address: that costs nothing to change. Older ones and those of others don't count."""
    for _ in range(3):
        await world.accepted(user_id="ada")
    old, _ = await world.accepted(user_id="ada"), await world.accepted(user_id="bob")
    async with world.database.begin() as tx:
        await tx.execute(
            text("UPDATE orders SET accepted_at = now() - interval '25 hours' WHERE order_id = :id"), {"id": old}
        )

    assert await world.orders.orders_last_day("ada") == 3
    assert await world.orders.orders_last_day("nobody") == 0


async def test_the_metrics_count_orders_that_wait(api: ApprovalWorld) -> None:
    """Number and age of the oldest, so that nobody has to look to be alarmed."""
    order_ids = [await api.held(), await api.held()]
    since = text("UPDATE orders SET approval_since = now() - interval '1 hour' WHERE order_id = :id")
    async with api.world.database.begin() as tx:
        await tx.execute(since, {"id": order_ids[1]})

    await count_waiting(api.world.database, "shop_orders_waiting_for_approval", 2)
    assert 3600 <= metric("shop_orders_waiting_for_approval_oldest_seconds") < 3700

    for order_id in order_ids:
        await api.decide(order_id, APPROVE)
    await count_waiting(api.world.database, "shop_orders_waiting_for_approval", 0)
    assert 0 == metric("shop_orders_waiting_for_approval_oldest_seconds")
