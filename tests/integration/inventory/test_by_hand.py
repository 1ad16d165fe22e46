"""A person closes a reservation: its units are neither on sale nor reserved, and no late undo puts them back."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import text

from shared.contracts.repair import ByHand, Decision
from shared.participant.errors import Refused
from shared.shop.inventory import StockReleased
from tests.integration.inventory.world import Inventory
from tests.integration.turns import in_turn

SETTLE = ByHand(repair_id="rep-1", decision=Decision.SETTLE, by="ann", note="the units are at the customer's")
SKIP = ByHand(repair_id="rep-2", decision=Decision.SKIP, by="bob", note="the units are broken")


@pytest.mark.parametrize(("decision", "status"), [(SETTLE, "settled"), (SKIP, "written_off")])
async def test_closed_units_are_not_on_sale_and_still_add_up(
    inventory: Inventory, decision: ByHand, status: str
) -> None:
    await inventory.stocked(A=5, B=5)
    await inventory.reserve(A=2, B=1)

    answer = await inventory.release(by_hand=decision)

    assert answer == StockReleased(released_units=0, by_hand=decision.closes(3, "units"))
    assert await inventory.available() == {"A": 3, "B": 4}
    assert await inventory.reservations() == {"order-1": status}
    assert await inventory.unbalanced() == []
    async with inventory.database.connect() as connection:
        closing = (await connection.execute(text("SELECT * FROM hand_closings"))).one()
    assert (closing.repair_id, closing.status, closing.amount) == (decision.repair_id, status, 3)
    assert (closing.unit, closing.decided_by, closing.note) == ("units", decision.by, decision.note)


async def test_whatever_comes_after_it_gets_its_result(inventory: Inventory) -> None:
    """A late undo, a repeat, another decision: the first answer, and no unit moves. A late do is refused."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    first = await inventory.release(by_hand=SETTLE)

    later = [await inventory.release(), await inventory.release(by_hand=SETTLE), await inventory.release(by_hand=SKIP)]

    assert later == [first] * 3
    with pytest.raises(Refused, match="undone before it arrived"):
        await inventory.reserve(A=2)
    assert await inventory.available() == {"A": 3}
    assert await inventory.count("hand_closings") == 1


async def test_after_the_release_there_is_nothing_to_close(inventory: Inventory) -> None:
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    await inventory.release()

    assert await inventory.release(by_hand=SETTLE) == StockReleased(released_units=2)
    assert await inventory.available() == {"A": 5}
    assert await inventory.count("hand_closings") == 0


async def test_nothing_reserved_leaves_a_tombstone(inventory: Inventory) -> None:
    await inventory.stocked(A=5)

    assert await inventory.release(by_hand=SKIP) == StockReleased(released_units=0)
    with pytest.raises(Refused, match="undone before it arrived"):
        await inventory.reserve(A=2)


@pytest.mark.parametrize("settles_first", [True, False])
async def test_a_settlement_and_the_undo_take_the_row_in_turn(inventory: Inventory, *, settles_first: bool) -> None:
    """Whoever waits behind the other gets the other's answer."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    decisions = (SETTLE, None) if settles_first else (None, SETTLE)

    first, second = await in_turn(
        inventory.database,
        "saga_steps WHERE saga_id = 'order-1'",
        *(partial(inventory.release, by_hand=decision) for decision in decisions),
    )

    assert first == second
    assert await inventory.available() == {"A": 3 if settles_first else 5}


async def test_decisions_undos_and_dos_that_race_have_one_winner(inventory: Inventory) -> None:
    """All get the same answer, and the units are in exactly one place."""
    await inventory.stocked(A=100)
    for number in range(30):
        saga_id = f"order-{number}"
        do = inventory.reserve(saga_id, A=1)
        undos = [inventory.release(saga_id, by_hand) for by_hand in (None, SETTLE, SKIP)]
        calls = [do, *undos] if number % 2 else [*undos, do]

        answers = await asyncio.gather(*calls, return_exceptions=True)

        released = [answer for answer in answers if isinstance(answer, StockReleased)]
        assert len(released) == 3
        assert len(set(released)) == 1
    assert "active" not in (await inventory.reservations()).values()
    assert await inventory.unbalanced() == []


async def test_counting_them_again_puts_them_back_on_sale(inventory: Inventory) -> None:
    """The person who put them on the shelf imports the count: a receipt of its own, so that all still adds up."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    await inventory.release(by_hand=SETTLE)

    await inventory.stocked(A=5)

    assert await inventory.available() == {"A": 5}
    assert await inventory.unbalanced() == []


async def test_a_closed_reservation_has_no_lease(inventory: Inventory) -> None:
    """Nobody asks about its order any more."""
    await inventory.stocked(A=5)
    await inventory.reserve(A=2)
    await inventory.release(by_hand=SETTLE)

    async with inventory.database.connect() as connection:
        assert (await connection.execute(text("SELECT lease_until FROM reservations"))).scalar_one() is None
