"""Reserving and releasing on a real Postgres: all lines or none, once per step, and never a unit too many."""

import asyncio
from collections import Counter

import pytest

from shared.participant.errors import Refused
from shared.shop.inventory import StockLine, StockReleased, StockReserved
from tests.integration.inventory.world import Inventory, a_key


async def test_reserve_takes_every_line_and_release_brings_it_back(inventory: Inventory) -> None:
    await inventory.stocked(A=5, B=7)

    await inventory.reserve(A=2, B=7)
    assert await inventory.available() == {"A": 3, "B": 0}

    assert await inventory.release() == StockReleased(released_units=9)
    assert await inventory.available() == {"A": 5, "B": 7}
    assert await inventory.reservations() == {"order-1": "released"}


async def test_lines_of_one_sku_count_together(inventory: Inventory) -> None:
    """Two lines of three are six, also when five are left."""
    await inventory.stocked(A=5)
    lines = [StockLine(sku="A", quantity=3), StockLine(sku="A", quantity=3)]

    with pytest.raises(Refused, match=r"^out of stock: only 5 of A left, 6 wanted$"):
        await inventory.stock.reserve(a_key(), lines)


async def test_all_lines_or_none(inventory: Inventory) -> None:
    """One line that is short leaves the others untouched; the sentence names every short one."""
    await inventory.stocked(A=5, B=1, C=0)

    with pytest.raises(Refused, match=r"^out of stock: only 1 of B left, 2 wanted; only 0 of C left, 1 wanted$"):
        await inventory.reserve(A=1, B=2, C=1)

    assert await inventory.available() == {"A": 5, "B": 1, "C": 0}
    assert await inventory.count("reservations") == 0


async def test_unknown_product_is_refused(inventory: Inventory) -> None:
    await inventory.stocked(A=5)

    with pytest.raises(Refused, match=r"^unknown product: GHOST$"):
        await inventory.reserve(A=1, GHOST=1)
    assert await inventory.available() == {"A": 5}


@pytest.mark.parametrize("sku", ["", " ", "A'; DROP TABLE stock", "nul\x00", "\ud800", "x" * 65, "Ä"])
async def test_what_no_product_could_be_called_is_refused(inventory: Inventory, sku: str) -> None:
    """Nothing that people send turns into an outage that is retried in vain."""
    for _ in range(2):
        with pytest.raises(Refused, match="unknown product: "):
            await inventory.stock.reserve(a_key(), [StockLine(sku=sku, quantity=1)])


@pytest.mark.parametrize("quantity", [0, -1, 1_000_000_001, 10**400])
async def test_senseless_quantity_is_refused(inventory: Inventory, quantity: int) -> None:
    """A negative quantity above all would make stock out of nothing."""
    await inventory.stocked(A=5)

    with pytest.raises(Refused, match="the quantity of A must be from 1 to"):
        await inventory.reserve(A=quantity)
    assert await inventory.available() == {"A": 5}


async def test_no_lines_are_refused(inventory: Inventory) -> None:
    with pytest.raises(Refused, match="nothing to reserve"):
        await inventory.reserve()


async def test_fifty_orders_race_for_the_last_ten_units(inventory: Inventory) -> None:
    """Exactly ten get one, forty are refused, and nothing is left."""
    await inventory.stocked(A=10)

    answers = await asyncio.gather(
        *(inventory.reserve(f"order-{number}", A=1) for number in range(50)), return_exceptions=True
    )

    assert Counter(type(answer) for answer in answers) == {StockReserved: 10, Refused: 40}
    assert await inventory.available() == {"A": 0}
    assert await inventory.count("reservation_lines") == 10


async def test_repeats_return_the_first_answer(inventory: Inventory) -> None:
    await inventory.stocked(A=10)

    answers = [await inventory.reserve(A=4) for _ in range(3)]

    assert len(set(answers)) == 1
    assert await inventory.available() == {"A": 6}


async def test_twenty_parallel_duplicates_take_once(inventory: Inventory) -> None:
    await inventory.stocked(A=10)

    answers = await asyncio.gather(*(inventory.reserve(A=4) for _ in range(20)))

    assert len(set(answers)) == 1
    assert await inventory.available() == {"A": 6}


async def test_twenty_parallel_releases_bring_back_once(inventory: Inventory) -> None:
    await inventory.stocked(A=10)
    await inventory.reserve(A=4)

    answers = await asyncio.gather(*(inventory.release() for _ in range(20)))

    assert set(answers) == {StockReleased(released_units=4)}
    assert await inventory.available() == {"A": 10}


async def test_release_before_reserve_leaves_a_tombstone(inventory: Inventory) -> None:
    await inventory.stocked(A=10)

    assert await inventory.release() == StockReleased(released_units=0)

    with pytest.raises(Refused, match="undone before it arrived"):
        await inventory.reserve(A=4)
    assert await inventory.available() == {"A": 10}


async def test_release_that_races_its_reserve_never_leaks(inventory: Inventory) -> None:
    """Once both have ended all stock is back, whoever was first."""
    await inventory.stocked(A=10, B=10)
    for number in range(50):
        saga_id = f"order-{number}"
        calls = [inventory.reserve(saga_id, A=3, B=1), inventory.release(saga_id)]
        if number % 2:
            calls.reverse()

        await asyncio.gather(*calls, return_exceptions=True)

        assert await inventory.available() == {"A": 10, "B": 10}
    assert set((await inventory.reservations()).values()) <= {"released"}  # none of a do that came too late


async def test_refusal_is_remembered_though_stock_comes_back(inventory: Inventory) -> None:
    """The saga got a no and undoes nothing, so a late duplicate must not take stock."""
    await inventory.stocked(A=1)
    with pytest.raises(Refused, match="only 1 of A left"):
        await inventory.reserve(A=2)
    await inventory.stocked(A=100)

    with pytest.raises(Refused, match="only 1 of A left"):
        await inventory.reserve(A=2)
    assert await inventory.available() == {"A": 100}


async def test_opposite_orders_never_deadlock(inventory: Inventory) -> None:
    """Orders with the same products in opposite order, their releases, and an import of the same products at once."""
    # In a small table Postgres scans all rows in their order; in a large one, as a shop's, it looks up line by line.
    await inventory.stocked(**{f"OTHER-{number}": 1 for number in range(5000)})
    await inventory.analyze()
    skus = {f"S{number:02}": 10_000 for number in range(12)}
    await inventory.stocked(**skus)
    orders = [dict.fromkeys(skus, 1), dict.fromkeys(reversed(skus), 1)]

    async def order(number: int) -> None:
        await inventory.reserve(f"order-{number}", **orders[number % 2])
        if number % 3 == 0:
            await inventory.release(f"order-{number}")

    async def recount(number: int) -> None:
        await inventory.stocked(**{sku: skus[sku] for sku in orders[number % 2]})

    await asyncio.gather(*(order(number) for number in range(90)), *(recount(number) for number in range(6)))

    assert await inventory.count("reservations") == 90
