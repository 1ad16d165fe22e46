"""What waits is listed; what can't be decided is refused, and changes nothing."""

import pytest
from sqlalchemy import text

from tests.integration.order.repairs.world import PAYMENT, RETRY, SETTLE, STOCK, RepairWorld
from tests.integration.order.world import count_waiting, metric


async def test_what_waits_is_listed_oldest_first_page_by_page(api: RepairWorld) -> None:
    """With reason, age, money at risk and what is stuck; who was decided about is listed no more."""
    order_ids = [await api.parked(PAYMENT, STOCK) for _ in range(3)]
    await api.close(order_ids[1])

    first = await api.get("/attention?limit=1")
    second = await api.get(f"/attention?limit=1&cursor={first['next_cursor']}")

    assert [order_ids[0], order_ids[2]] == [page["items"][0]["order_id"] for page in (first, second)]
    assert second["next_cursor"] is None
    (item,) = first["items"]
    assert ("why", 100, "EUR") == (item["error"], item["money_at_risk_cents"], item["currency"])
    assert item["age_seconds"] >= 0
    assert item["since"].endswith("Z")
    assert [PAYMENT.model_dump(), STOCK.model_dump()] == item["stuck"]


async def test_the_age_counts_from_the_first_time(api: RepairWorld) -> None:
    """A decision that failed doesn't make the order look new."""
    order_id = await api.parked()
    since = (await api.get("/attention"))["items"][0]["since"]
    await api.park(order_id, PAYMENT)

    assert since == (await api.get("/attention"))["items"][0]["since"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=nonsense"])
async def test_a_wrong_query_is_turned_away(api: RepairWorld, query: str) -> None:
    assert 422 == (await api.client.get(f"/attention?{query}")).status


async def test_an_order_that_needs_no_decision_says_why(api: RepairWorld) -> None:
    running = await api.world.in_progress()
    ended = await api.parked()
    await api.close(ended)
    parked = await api.parked(STOCK)

    problems = {
        order_id: (await api.decide(order_id, SETTLE, order_id))[1]["detail"] for order_id in (running, ended, parked)
    }

    assert "it is in_progress" in problems[running]
    assert "it is compensated" in problems[ended]
    assert "process_payment" in problems[parked]
    assert "what does is reserve_stock" in problems[parked]
    assert [] == await api.trail(parked)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({**SETTLE, "note": " "}, "settle needs a note"),
        ({**RETRY, "decision": "skip"}, "skip needs a note"),
        ({**RETRY, "decision": "forget"}, "decision"),
        ({**RETRY, "by": ""}, "by"),
        ({**RETRY, "note": "two\nlines"}, "printable"),
        ({**RETRY, "force": True}, "force"),
        ({**RETRY, "step": "make_coffee"}, "no step is named 'make_coffee'"),
    ],
)
async def test_bad_input_is_reported_and_changes_nothing(api: RepairWorld, body: object, sentence: str) -> None:
    order_id = await api.parked()

    status, problem = await api.decide(order_id, body)

    assert 422 == status
    assert sentence in problem["detail"]
    assert [] == await api.trail(order_id)


async def test_unknown_orders_and_missing_keys(api: RepairWorld) -> None:
    order_id = await api.parked()

    assert 404 == (await api.decide("ord-nobody", RETRY))[0]
    assert 404 == (await api.client.get("/orders/ord-nobody/repairs")).status
    assert 400 == (await api.decide(order_id, RETRY, key=None))[0]
    assert [] == await api.trail(order_id)


async def test_the_metrics_count_orders_that_wait(api: RepairWorld) -> None:
    """Number and age of the oldest, so that nobody has to look to be alarmed."""
    order_ids = [await api.parked(), await api.parked()]
    since = text("UPDATE orders SET attention_since = now() - interval '1 hour' WHERE order_id = :id")
    async with api.world.database.begin() as tx:
        await tx.execute(since, {"id": order_ids[1]})

    await count_waiting(api.world.database, "shop_orders_needing_attention", 2)
    assert 3600 <= metric("shop_orders_needing_attention_oldest_seconds") < 3700

    for order_id in order_ids:
        await api.close(order_id)
    await count_waiting(api.world.database, "shop_orders_needing_attention", 0)
    assert 0 == metric("shop_orders_needing_attention_oldest_seconds")
