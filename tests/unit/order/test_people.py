"""Orders of people of the world: who is accepted can be mailed and shipped, who is refused reads why."""

import hashlib
import json
from http import HTTPStatus
from typing import Any

import pytest

from notification_service.message import mailable
from order_service.acceptance import OrderBody
from order_service.api.problems import STATUSES
from shared.shop.countries import SERVED
from shared.shop.notification import SendEmail
from shared.shop.shipping import Address
from shared.web.requests import request_hash
from shared.web.text import refused_character
from tests.unit.order.fakes import a_body, a_body_json
from tests.unit.order.people import ACCEPTED, REFUSED, Person, body_of, somebody
from tests.unit.order.test_acceptance import Shop

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("person", ACCEPTED, ids=lambda person: f"{person['country']} {person['city']}")
async def test_who_is_accepted_can_be_mailed_and_shipped(person: Person) -> None:
    """Nothing that they wrote is lost on the way to the label, and their mail has an ASCII domain."""
    shop = Shop()
    await shop.accept(a_body(**body_of(person)))
    [order] = shop.starter.started

    address = order.shipping_address
    written = {name: text for name, text in address.model_dump().items() if text}
    assert written == {name: text for name, text in person.items() if name != "email"} | {"country": address.country}
    assert address.country in SERVED
    assert not any(refused_character(text) for text in written.values())
    mail = mailable(SendEmail(recipient=person["email"], subject="Hello", body="Hello"))
    assert mail.recipient.isascii()


def test_the_table_has_the_world_in_it() -> None:
    assert len({person["country"] for person in ACCEPTED}) >= 25


@pytest.mark.parametrize(("changes", "sentence"), REFUSED, ids=lambda value: ascii(value)[:40])
async def test_who_is_refused_reads_what_to_write_instead(changes: dict[str, str], sentence: str) -> None:
    """Before anything is stored or charged."""
    refusal = await Shop().refusal(a_body(**somebody(**changes)))

    assert STATUSES[type(refusal)] is HTTPStatus.UNPROCESSABLE_ENTITY
    assert str(refusal).startswith(sentence)


@pytest.mark.parametrize("changes", [changes for changes, _ in REFUSED], ids=lambda changes: ascii(changes)[:40])
async def test_a_repeat_gets_its_answer_whatever_is_refused_today(changes: dict[str, str]) -> None:
    """Its key and hash are looked up first, so what was accepted under yesterday's rules has its order for good."""
    shop = Shop()
    accepted = await shop.accept(a_body())
    today = a_body(**somebody(**changes))
    shop.orders.rows[accepted].request_hash = request_hash(today)

    assert await shop.accept(today) == accepted


async def test_a_relay_that_takes_them_lets_letters_before_the_at() -> None:
    """It is a setting, for the order-service doesn't know the mail server."""
    assert await Shop(mail_takes_utf8=True).accept(a_body(**somebody(email="jürgen@bücher.example")))


@pytest.mark.parametrize("empty", [None, "", " \u3000"])
async def test_absent_null_and_empty_are_the_same(empty: str | None) -> None:
    """Also to a repeat: forms send all three."""
    absent = a_body(**body_of(next(person for person in ACCEPTED if person["country"] == "IE")))
    given = absent.model_dump(mode="json")
    given["shipping_address"] |= {"line2": empty, "region": empty, "postal_code": empty}

    assert request_hash(OrderBody.model_validate_json(json.dumps(given))) == request_hash(absent)


async def test_the_new_fields_change_no_old_hash() -> None:
    """As a version before any of the optional ones would have hashed it."""
    older = a_body_json(faults=[])
    canonical = json.dumps(older, sort_keys=True, separators=(",", ":"))

    assert request_hash(a_body()) == hashlib.sha256(canonical.encode()).hexdigest()


def test_an_address_of_the_version_before_is_read() -> None:
    """Orders that are under way carry none of the new fields."""
    older: dict[str, Any] = {"name": "A", "line1": "B", "city": "C", "postal_code": "D", "country": "DE"}

    assert Address.model_validate(older).line2 is None
