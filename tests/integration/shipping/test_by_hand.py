"""A person closes a shipment: it is neither on its way nor cancelled, and no late undo cancels it."""

import asyncio
from functools import partial

import pytest
from sqlalchemy import text

from shared.contracts.repair import ByHand, Decision
from shared.participant.errors import Refused
from shared.shop.shipping import ShipmentCancelled
from tests.integration.shipping.world import Shipping
from tests.integration.turns import in_turn

SETTLE = ByHand(repair_id="rep-1", decision=Decision.SETTLE, by="ann", note="fetched it from the carrier")
SKIP = ByHand(repair_id="rep-2", decision=Decision.SKIP, by="bob", note="the customer may keep it")


@pytest.mark.parametrize(("decision", "status"), [(SETTLE, "settled"), (SKIP, "written_off")])
async def test_a_closed_parcel_is_a_persons(shipping: Shipping, decision: ByHand, status: str) -> None:
    await shipping.book()

    answer = await shipping.cancel(by_hand=decision)

    assert answer == ShipmentCancelled(cancelled=False, by_hand=decision.closes(1, "parcels"))
    assert await shipping.statuses() == {"order-1": status}
    async with shipping.database.connect() as connection:
        closing = (await connection.execute(text("SELECT * FROM hand_closings"))).one()
    assert (closing.repair_id, closing.status, closing.amount) == (decision.repair_id, status, 1)
    assert (closing.decided_by, closing.note) == (decision.by, decision.note)


async def test_whatever_comes_after_it_gets_its_result(shipping: Shipping) -> None:
    """A late undo, a repeat, another decision: the first answer. A late do is refused."""
    await shipping.book()
    first = await shipping.cancel(by_hand=SETTLE)

    later = [await shipping.cancel(), await shipping.cancel(by_hand=SETTLE), await shipping.cancel(by_hand=SKIP)]

    assert later == [first] * 3
    with pytest.raises(Refused, match="undone before it arrived"):
        await shipping.book()
    assert await shipping.statuses() == {"order-1": "settled"}


async def test_after_the_cancel_there_is_nothing_to_close(shipping: Shipping) -> None:
    await shipping.book()
    await shipping.cancel()

    assert await shipping.cancel(by_hand=SETTLE) == ShipmentCancelled(cancelled=True)
    assert await shipping.statuses() == {"order-1": "cancelled"}


@pytest.mark.parametrize("settles_first", [True, False])
async def test_a_settlement_and_the_cancel_take_the_row_in_turn(shipping: Shipping, *, settles_first: bool) -> None:
    """Whoever waits behind the other gets the other's answer."""
    await shipping.book()
    decisions = (SETTLE, None) if settles_first else (None, SETTLE)

    first, second = await in_turn(
        shipping.database,
        "saga_steps WHERE saga_id = 'order-1'",
        *(partial(shipping.cancel, by_hand=decision) for decision in decisions),
    )

    assert first == second
    assert await shipping.statuses() == {"order-1": "settled" if settles_first else "cancelled"}


async def test_decisions_undos_and_dos_that_race_have_one_winner(shipping: Shipping) -> None:
    """All get the same answer, and no parcel stays booked."""
    for number in range(30):
        saga_id = f"order-{number}"
        do = shipping.book(saga_id)
        undos = [shipping.cancel(saga_id, by_hand) for by_hand in (None, SETTLE, SKIP)]
        calls = [do, *undos] if number % 2 else [*undos, do]

        answers = await asyncio.gather(*calls, return_exceptions=True)

        answered = [answer for answer in answers if isinstance(answer, ShipmentCancelled)]
        assert len(answered) == 3
        assert len(set(answered)) == 1
    assert "booked" not in (await shipping.statuses()).values()
