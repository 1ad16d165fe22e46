"""What the shipping-service publishes: each parcel once, and its cancellation once, whatever is repeated."""

import asyncio

import pytest

from shared.contracts.repair import ByHand, Decision
from shared.participant.errors import Refused
from tests.integration.outbox import data_of, published
from tests.integration.shipping.world import Shipping

BOOKED = ("shipment.booked", 1)
CANCELLED = ("shipment.cancelled", 2)


async def test_do_and_undo_are_published_once(shipping: Shipping) -> None:
    """Repeats, one after another and side by side, publish nothing more."""
    booked = await shipping.book()
    await asyncio.gather(*(shipping.book() for _ in range(10)))
    assert await published(shipping.database) == [BOOKED]

    await asyncio.gather(*(shipping.cancel() for _ in range(10)))

    assert await published(shipping.database) == [BOOKED, CANCELLED]
    parcel = {"order_id": "order-1", **booked.model_dump()}
    assert await data_of(shipping.database) == [parcel, parcel]


async def test_nothing_done_is_nothing_published(shipping: Shipping) -> None:
    """A refusal, a tombstone, and the do that comes too late."""
    with pytest.raises(Refused):
        await shipping.book("order-1", country="XX")
    await shipping.cancel("order-2")
    with pytest.raises(Refused):
        await shipping.book("order-2")

    assert await published(shipping.database, "order-1") == await published(shipping.database, "order-2") == []


async def test_a_parcel_that_a_person_closes_was_not_cancelled(shipping: Shipping) -> None:
    await shipping.book()

    await shipping.cancel(by_hand=ByHand(repair_id="r", decision=Decision.SETTLE, by="ann", note="fetched it"))

    assert await published(shipping.database) == [BOOKED]


async def test_do_and_undo_side_by_side_never_swap(shipping: Shipping) -> None:
    """The fence's row lets one go after the other: either nothing was published, or both, in their order."""
    sagas = [f"order-{index}" for index in range(50)]

    await asyncio.gather(
        *(shipping.book(saga_id) for saga_id in sagas),
        *(shipping.cancel(saga_id) for saga_id in sagas),
        return_exceptions=True,
    )

    for saga_id in sagas:
        assert await published(shipping.database, saga_id) in ([], [BOOKED, CANCELLED])
