"""Booking and cancelling on a real Postgres: one parcel per step, none after its undo."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.shipping import ShipmentBooked, ShipmentCancelled
from shipping_service.tables import METADATA
from shipping_service.tracking import is_tracking_number
from tests.integration.schema import differences
from tests.integration.shipping.world import Shipping, a_parcel


async def test_tables_are_described_as_the_revisions_make_them(database_url: str) -> None:
    assert await differences(database_url, METADATA) == []


async def test_booking_writes_the_label(shipping: Shipping) -> None:
    booked = await shipping.book(country="gb")

    async with shipping.database.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM shipments"))).one()
    assert (row.shipment_id, row.tracking_number) == (booked.shipment_id, booked.tracking_number)
    assert (row.name, row.line1, row.city) == ("Ada Lovelace", "1 Analytical Row", "London")
    assert (row.postal_code, row.country, row.status) == ("N1 9GU", "GB", "booked")
    assert row.lines == [{"sku": "A", "quantity": 2}]
    assert is_tracking_number(booked.tracking_number)


async def test_the_label_has_every_line_that_an_address_has(shipping: Shipping) -> None:
    """And no postal code where there is none."""
    await shipping.book(country="IE", city="Cork", postal_code="", line2="Flat 3", region="County Cork")

    async with shipping.database.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM shipments"))).one()
    assert (row.line2, row.region, row.postal_code) == ("Flat 3", "County Cork", "")


async def test_repeats_return_the_first_tracking_number(shipping: Shipping) -> None:
    answers = [await shipping.book() for _ in range(3)]

    assert len(set(answers)) == 1
    assert await shipping.statuses() == {"order-1": "booked"}


async def test_twenty_parallel_duplicates_book_one_parcel(shipping: Shipping) -> None:
    answers = await asyncio.gather(*(shipping.book() for _ in range(20)))

    assert len(set(answers)) == 1
    assert await shipping.statuses() == {"order-1": "booked"}


async def test_every_parcel_has_a_number_of_its_own(shipping: Shipping) -> None:
    answers = await asyncio.gather(*(shipping.book(f"order-{number}") for number in range(50)))

    assert len({answer.tracking_number for answer in answers}) == 50


async def test_cancel_is_repeated_safely(shipping: Shipping) -> None:
    await shipping.book()

    answers = await asyncio.gather(*(shipping.cancel() for _ in range(20)))

    assert set(answers) == {ShipmentCancelled(cancelled=True)}
    assert await shipping.statuses() == {"order-1": "cancelled"}


async def test_cancel_before_book_leaves_a_tombstone(shipping: Shipping) -> None:
    assert await shipping.cancel() == ShipmentCancelled(cancelled=False)

    with pytest.raises(Refused, match="undone before it arrived"):
        await shipping.book()
    assert await shipping.statuses() == {}


async def test_cancel_that_races_its_book_never_leaves_a_parcel(shipping: Shipping) -> None:
    for number in range(50):
        saga_id = f"order-{number}"
        book, cancel = shipping.book(saga_id), shipping.cancel(saga_id)
        pair = (cancel, book) if number % 2 else (book, cancel)

        answers = await asyncio.gather(*pair, return_exceptions=True)

        assert all(isinstance(answer, ShipmentBooked | ShipmentCancelled | Refused) for answer in answers)
    assert "booked" not in (await shipping.statuses()).values()


@pytest.mark.parametrize(
    ("country", "sentence"),
    [
        ("AQ", "we don't ship to AQ"),
        ("aq ", "we don't ship to AQ"),
        ("Germany", "we don't ship to GERMANY"),
        ("", "we don't ship to an address without a country"),
    ],
)
async def test_a_country_out_of_reach_is_refused_for_good(shipping: Shipping, country: str, sentence: str) -> None:
    for _ in range(2):
        with pytest.raises(Refused, match=f"^{sentence}$"):
            await shipping.book(country=country)
    assert await shipping.statuses() == {}


@pytest.mark.parametrize(
    ("unprintable", "character"),
    [("nul\x00", r"U\+0000"), ("\ud800", r"U\+D800"), ("two\nlines", r"U\+000A"), ("\u202egnaw", r"U\+202E")],
)
async def test_what_no_label_can_show_is_refused(shipping: Shipping, unprintable: str, character: str) -> None:
    """Nothing that people send turns into an outage that is retried in vain."""
    with pytest.raises(Refused, match=rf"label: name \({character}\), city \({character}\)$"):
        await shipping.book(name=unprintable, city=unprintable)


async def test_no_two_parcels_share_a_number(shipping: Shipping) -> None:
    """The table sees to it; a booking that drew a taken one fails and draws another at the next attempt."""
    taken = (await shipping.book("order-1")).tracking_number
    await shipping.book("order-2")
    clash = text("UPDATE shipments SET tracking_number = :taken WHERE saga_id = 'order-2'")

    async with shipping.database.connect() as connection:
        with pytest.raises(IntegrityError, match="tracking_number"):
            await connection.execute(clash, {"taken": taken})


async def test_no_saga_has_two_booked_parcels(shipping: Shipping) -> None:
    """Nor under another step's name; once the first is cancelled there is room again."""
    await shipping.book()
    again = StepKey("order-1", "book_another")

    with pytest.raises(IntegrityError, match="one_booked_parcel"):
        await shipping.shipments.book(again, a_parcel())

    await shipping.cancel()
    await shipping.shipments.book(again, a_parcel())
    assert await shipping.orphans() == []
