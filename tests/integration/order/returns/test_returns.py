"""What was given back of a completed order is recorded once, published, and never more than was charged."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from order_service.returns.api import return_routes
from order_service.returns.store import ReturnStore
from tests.integration.api import Client, client_of
from tests.integration.order.world import World
from tests.integration.outbox import published

REFUND = {"kind": "refund", "amount_cents": 60, "currency": "EUR", "by": "ann", "note": "one was broken"}


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with client_of(return_routes(ReturnStore(world.database))) as client:
        yield client


@pytest.fixture
async def order_id(world: World) -> str:
    """A completed order of 1.00 EUR."""
    order_id = await world.in_progress()
    await world.complete(order_id)
    return order_id


async def record(client: Client, order_id: str, key: str = "key-1", **changes: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    headers = {"Idempotency-Key": key}
    async with client.post(f"/orders/{order_id}/returns", json={**REFUND, **changes}, headers=headers) as response:
        return response.status, await response.json()


async def returned(world: World, order_id: str) -> int:
    row = await world.orders.by_id(order_id)
    assert row is not None
    return int(row.returned_cents)


async def test_a_return_is_recorded_and_published(world: World, client: Client, order_id: str) -> None:
    """With what was given back in all, so that a consumer needn't ask."""
    status, first = await record(client, order_id)
    assert (status, first["amount_cents"], first["by"], first["note"]) == (201, 60, "ann", "one was broken")
    assert (await record(client, order_id, "key-2", kind="chargeback", amount_cents=40))[0] == 201

    async with client.get(f"/orders/{order_id}/returns") as response:
        assert [one["amount_cents"] for one in (await response.json())["items"]] == [60, 40]
    assert (await published(world.database, order_id))[-2:] == [("order.returned", 3), ("order.returned", 4)]
    async with world.database.connect() as connection:
        data = await connection.scalars(text("SELECT data FROM outbox WHERE type = 'order.returned' ORDER BY sequence"))
    assert data.all()[-1] == {
        "order_id": order_id,
        "return_id": (await record(client, order_id, "key-2", kind="chargeback", amount_cents=40))[1]["return_id"],
        "kind": "chargeback",
        "amount_cents": 40,
        "currency": "EUR",
        "total_returned_cents": 100,
    }


async def test_a_repeat_gets_the_first_answer(world: World, client: Client, order_id: str) -> None:
    """Also many at once, and when nothing would be left for another."""
    answers = await asyncio.gather(*(record(client, order_id, amount_cents=100) for _ in range(8)))

    assert {status for status, _ in answers} == {201}
    assert len({answer["return_id"] for _, answer in answers}) == 1
    assert await returned(world, order_id) == 100


async def test_another_body_or_order_under_the_key_is_a_conflict(world: World, client: Client, order_id: str) -> None:
    await record(client, order_id)
    other = await world.in_progress()
    await world.complete(other)

    assert (await record(client, order_id, amount_cents=61))[0] == 409
    assert (await record(client, other))[0] == 409
    assert (await returned(world, order_id), await returned(world, other)) == (60, 0)


async def test_never_more_than_was_charged(world: World, client: Client, order_id: str) -> None:
    """However many record at once."""
    answers = await asyncio.gather(*(record(client, order_id, f"key-{number}", amount_cents=30) for number in range(8)))

    refused = [problem["detail"] for status, problem in answers if status == 409]
    assert [status for status, _ in answers].count(201) == 3
    assert set(refused) == {
        "amount_cents: of 1.00 EUR that were charged 0.90 EUR were given back, so that 0.10 EUR are left."
    }
    assert await returned(world, order_id) == 90


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("in_progress", "only of a completed order something is given back; cancel it."),
        ("compensated", "only of a completed order something is given back; nothing of it was kept."),
    ],
)
async def test_of_another_order_nothing_is_given_back(world: World, client: Client, end: str, words: str) -> None:
    order_id = await world.in_progress()
    if end == "compensated":
        await world.close(order_id)

    status, problem = await record(client, order_id)

    assert (status, problem["detail"]) == (409, f"Order {order_id} is {end}: {words}")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"currency": "USD"}, 422),
        ({"currency": "eur"}, 422),
        ({"amount_cents": 0}, 422),
        ({"amount_cents": -5}, 422),
        ({"amount_cents": 1.5}, 422),
        ({"amount_cents": "60"}, 422),
        ({"amount_cents": 10**30}, 422),
        ({"kind": "gift"}, 422),
        ({"by": ""}, 422),
        ({"note": "a\u2028b"}, 422),
        ({"more": 1}, 422),
    ],
)
async def test_bad_input_records_nothing(
    world: World, client: Client, order_id: str, changes: dict[str, Any], status: int
) -> None:
    found, problem = await record(client, order_id, **changes)

    assert found == status
    assert problem["detail"]
    assert await returned(world, order_id) == 0


async def test_an_unknown_order_is_404(client: Client) -> None:
    assert (await record(client, "nobody"))[0] == 404
    async with client.get("/orders/nobody/returns") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    "statement", ["UPDATE returns SET amount_cents = 1", "DELETE FROM returns", "TRUNCATE returns"]
)
async def test_a_return_is_kept_as_it_was_recorded(world: World, client: Client, order_id: str, statement: str) -> None:
    await record(client, order_id)

    with pytest.raises(DBAPIError, match="a return is kept as it was recorded"):
        async with world.database.begin() as tx:
            await tx.execute(text(statement))
