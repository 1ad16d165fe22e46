"""What the inventory-service publishes: each reservation once, and its release once, whatever is repeated."""

import asyncio

import pytest

from shared.contracts.repair import ByHand, Decision
from shared.participant.errors import Refused
from tests.integration.inventory.world import Inventory
from tests.integration.outbox import data_of, published

RESERVED = ("stock.reserved", 1)
RELEASED = ("stock.released", 2)


async def test_do_and_undo_are_published_once(inventory: Inventory) -> None:
    """Repeats, one after another and side by side, publish nothing more."""
    await inventory.stocked(A=5, B=7)
    reserved = await inventory.reserve(A=2, B=3)
    await asyncio.gather(*(inventory.reserve(A=2, B=3) for _ in range(10)))
    assert await published(inventory.database) == [RESERVED]

    await asyncio.gather(*(inventory.release() for _ in range(10)))

    assert await published(inventory.database) == [RESERVED, RELEASED]
    reservation = {"order_id": "order-1", **reserved.model_dump()}
    assert await data_of(inventory.database) == [reservation, {**reservation, "released_units": 5}]


async def test_nothing_done_is_nothing_published(inventory: Inventory) -> None:
    """A refusal, whose statement had written the event already; a tombstone; and the do that comes too late."""
    await inventory.stocked(A=5, B=1)
    with pytest.raises(Refused):
        await inventory.reserve("order-1", A=1, B=2)
    await inventory.release("order-2")
    with pytest.raises(Refused):
        await inventory.reserve("order-2", A=1)

    assert await published(inventory.database, "order-1") == await published(inventory.database, "order-2") == []


async def test_units_that_a_person_closes_were_not_released(inventory: Inventory) -> None:
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)

    await inventory.release(by_hand=ByHand(repair_id="r", decision=Decision.SKIP, by="ann", note="lost"))

    assert await published(inventory.database) == [RESERVED]
