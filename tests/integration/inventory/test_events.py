"""What the inventory-service tells: each reservation once, and its release once, whatever is repeated."""

import asyncio

import pytest

from shared.contracts.repair import ByHand, Decision
from shared.participant.errors import Refused
from tests.integration.inventory.world import Inventory
from tests.integration.outbox import data_of, told

RESERVED = ("stock.reserved", 1)
RELEASED = ("stock.released", 2)


async def test_do_and_undo_are_told_once(inventory: Inventory) -> None:
    """Repeats, one after another and side by side, tell nothing more."""
    await inventory.stocked(A=5, B=7)
    reserved = await inventory.reserve(A=2, B=3)
    await asyncio.gather(*(inventory.reserve(A=2, B=3) for _ in range(10)))
    assert await told(inventory.engine) == [RESERVED]

    await asyncio.gather(*(inventory.release() for _ in range(10)))

    assert await told(inventory.engine) == [RESERVED, RELEASED]
    reservation = {"order_id": "order-1", **reserved.model_dump()}
    assert await data_of(inventory.engine) == [reservation, {**reservation, "released_units": 5}]


async def test_nothing_done_is_nothing_told(inventory: Inventory) -> None:
    """A refusal, whose statement had written the event already; a tombstone; and the do that comes too late."""
    await inventory.stocked(A=5, B=1)
    with pytest.raises(Refused):
        await inventory.reserve("order-1", A=1, B=2)
    await inventory.release("order-2")
    with pytest.raises(Refused):
        await inventory.reserve("order-2", A=1)

    assert await told(inventory.engine, "order-1") == await told(inventory.engine, "order-2") == []


async def test_units_that_a_person_closes_were_not_released(inventory: Inventory) -> None:
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)

    await inventory.release(by_hand=ByHand(repair_id="r", decision=Decision.SKIP, by="ann", note="lost"))

    assert await told(inventory.engine) == [RESERVED]
