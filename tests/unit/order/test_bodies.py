"""What a body may hold; everything else is turned away with a sentence that names the field."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from order_service.acceptance import OrderBody
from tests.unit.order.fakes import a_body, a_body_json

pytestmark = pytest.mark.unit


def line(**changes: object) -> list[dict[str, object]]:
    return [{"sku": "TEA", "quantity": 1, **changes}]


def customer(**changes: object) -> dict[str, object]:
    return {"email": "ada@example.org", "user_id": "ada", **changes}


def fault(**changes: object) -> list[dict[str, object]]:
    return [{"activity": "process_payment", "mode": "fail", **changes}]


def test_a_good_body_is_read() -> None:
    """Text is trimmed, and faults have their defaults."""
    body = a_body(customer=customer(user_id="  ada "), faults=fault())

    assert body.customer.user_id == "ada"
    assert (body.faults[0].times, body.faults[0].seconds) == (1, 2.0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"coupon": "FREE"}, "coupon"),
        ({"lines": line(colour="red")}, "lines.0.colour"),
        ({"customer": customer(phone="1")}, "customer.phone"),
        ({"faults": fault(until="noon")}, "faults.0.until"),
        ({"lines": []}, "lines"),
        ({"lines": line() * 101}, "lines"),
        ({"lines": {"sku": "TEA", "quantity": 1}}, "lines"),
        ({"lines": None}, "lines"),
        ({"lines": line(quantity=0)}, "lines.0.quantity"),
        ({"lines": line(quantity=-1)}, "lines.0.quantity"),
        ({"lines": line(quantity=10_001)}, "lines.0.quantity"),
        ({"lines": line(quantity="2")}, "lines.0.quantity"),
        ({"lines": line(quantity=2.0)}, "lines.0.quantity"),
        ({"lines": line(quantity=1.5)}, "lines.0.quantity"),
        ({"lines": line(quantity=True)}, "lines.0.quantity"),
        ({"lines": line(quantity=None)}, "lines.0.quantity"),
        ({"lines": line(quantity=10**30)}, "lines.0.quantity"),
        ({"lines": line(sku=" ")}, "lines.0.sku"),
        ({"lines": line(sku=7)}, "lines.0.sku"),
        ({"lines": line(sku="X" * 201)}, "lines.0.sku"),
        ({"lines": [{"sku": "TEA"}]}, "lines.0.quantity"),
        ({"customer": customer(email="ada")}, "customer.email"),
        ({"customer": customer(email="a@b c")}, "customer.email"),
        ({"payment": {}}, "payment.token"),
        ({"payment": "tok_visa"}, "payment"),
        ({"shipping_address": {"name": "Ada"}}, "shipping_address.line1"),
        ({"faults": fault(mode="explode")}, "faults.0.mode"),
        ({"faults": fault(times=0)}, "faults.0.times"),
        ({"faults": fault(seconds=-1)}, "faults.0.seconds"),
        ({"faults": fault(seconds=601)}, "faults.0.seconds"),
        ({"faults": fault() * 51}, "faults"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str) -> None:
    """Unknown fields, wrong types, text instead of a number, and senseless quantities don't pass."""
    with pytest.raises(ValidationError) as caught:
        OrderBody.model_validate_json(json.dumps(a_body_json(**change)))

    assert field in [".".join(map(str, error["loc"])) for error in caught.value.errors()]


@pytest.mark.parametrize("field", ["customer", "lines", "payment", "shipping_address"])
def test_a_missing_field_is_named(field: str) -> None:
    """Nothing but the fault plan may be left out."""
    body = a_body_json()
    del body[field]

    with pytest.raises(ValidationError) as caught:
        OrderBody.model_validate_json(json.dumps(body))

    assert [error["loc"] for error in caught.value.errors()] == [(field,)]
