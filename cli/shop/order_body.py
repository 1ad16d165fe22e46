"""An order as the command line sends it, with the short form of its faults: `activity:mode[:times[:seconds]]`."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from pydantic import ValidationError

from devstack.errors import StackError
from shared.contracts.call import Fault, FaultMode

HOME: Final = "DE"
VISA: Final = "tok_visa"
FORM: Final = "activity:mode[:times[:seconds]]"
PARTS: Final = ("activity", "mode", "times", "seconds")

Line = tuple[str, int]


class OrderUsageError(StackError):
    """The options can't be read, or don't fit together."""

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


def parse_fault(spec: str) -> Fault:
    """The fault that a short form describes.

    Raises:
        OrderUsageError: with what is wrong with it.
    """
    given = spec.split(":")
    if not 2 <= len(given) <= len(PARTS):  # noqa: PLR2004 - activity and mode
        raise OrderUsageError(f"--fault {spec}: write {FORM}, such as process_payment:lose_reply")
    fields: dict[str, Any] = dict(zip(PARTS, given, strict=False))
    modes = ", ".join(FaultMode)
    if fields["mode"] not in set(FaultMode):
        raise OrderUsageError(f"--fault {spec}: {fields['mode']!r} is no mode; there are {modes}")
    try:
        return Fault.model_validate_strings(fields)
    except ValidationError as problems:
        first = problems.errors()[0]
        raise OrderUsageError(f"--fault {spec}: {first['loc'][0]}: {first['msg']}") from None
