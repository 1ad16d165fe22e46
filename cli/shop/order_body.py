"""The body of an order as the CLI sends it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from devstack.errors import StackError
from shared.contracts.call import Fault

HOME: Final = "DE"
VISA: Final = "tok_visa"

Line = tuple[str, int]


class OrderUsageError(StackError):
    """The options don't fit together."""

    exit_code = 2


def order_body(
    lines: Iterable[Line], *, token: str = VISA, country: str = HOME, faults: Sequence[Fault] = ()
) -> dict[str, Any]:
    """What `POST /orders` takes, from a customer who lives somewhere."""
    body: dict[str, Any] = {
        "customer": {"email": "ada@example.com", "user_id": "ada"},
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
        "payment": {"token": token},
        "shipping_address": {
            "name": "Ada Lovelace",
            "line1": "Analytical Street 1",
            "city": "Berlin",
            "postal_code": "10115",
            "country": country,
        },
    }
    # Outside demo mode even an empty plan would look like one to a reader of the body.
    return {**body, "faults": [fault.model_dump(mode="json") for fault in faults]} if faults else body


def pair_lines(skus: Sequence[str], quantities: Sequence[int], default_sku: str | None) -> list[Line]:
    """Each SKU with the quantity given beside it; one quantity alone counts for all, none is 1.

    Raises:
        OrderUsageError: there are neither as many quantities as SKUs, nor one, nor none.
    """
    wanted = list(skus) or ([default_sku] if default_sku is not None else [])
    if not wanted:
        raise OrderUsageError("the catalogue is empty: import products with `shop catalogue import FILE.csv`")
    amounts = list(quantities) or [1]
    if len(amounts) == 1:
        amounts *= len(wanted)
    if len(amounts) != len(wanted):
        raise OrderUsageError(
            f"there are {len(wanted)} --sku and {len(amounts)} --quantity; give one quantity for each, or one for all"
        )
    return list(zip(wanted, amounts, strict=True))
