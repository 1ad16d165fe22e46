"""Reads a file of real orders: one row a line of an order, every error with its line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cli.load.mix import PlannedOrder
from cli.shop.order_body import VISA, OrderUsageError
from shared.spreadsheet import Row, shown, spreadsheet_rows

BUYER: Final = ("email", "name", "line1", "line2", "city", "region", "postal_code", "country")
HEADER: Final = ("order", "customer", *BUYER, "sku", "quantity")
MAX_DIGITS: Final = 9
"""Of a quantity: whether the shop sells so many is for the shop to say."""
MAX_ERRORS_SHOWN: Final = 20


@dataclass(slots=True)
class FileOrder:
    """An order of the file; its name there is its idempotency key, so that the file can be placed again."""

    order: str
    customer: str
    buyer: dict[str, str]
    first_line: int
    lines: list[tuple[str, int]] = field(default_factory=list)

    @property
    def units(self) -> dict[str, int]:
        """How many of each SKU, over all lines."""
        units: dict[str, int] = {}
        for sku, quantity in self.lines:
            units[sku] = units.get(sku, 0) + quantity
        return units

    @property
    def planned(self) -> PlannedOrder:
        """As it is placed: what is empty in the file is left out."""
        address = {name: value for name, value in self.buyer.items() if value and name != "email"}
        body: dict[str, Any] = {
            "customer": {"email": self.buyer["email"], "user_id": self.customer},
            "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in self.lines],
            "payment": {"token": VISA},
            "shipping_address": address,
        }
        return PlannedOrder(self.order, body)


def read_orders(file: Path) -> list[FileOrder]:
    """The orders, in the order of their first lines.

    Raises:
        OrderUsageError: with the errors by line; what the shop itself would turn away is none.
    """
    errors: list[str] = []
    orders: dict[str, FileOrder] = {}
    rows = spreadsheet_rows(file.read_bytes())
    header = next(rows, Row(1))
    if header.problem is not None or header.fields != HEADER:
        columns = f"the first line must be {','.join(HEADER)}"
        raise OrderUsageError(f"{file}:{header.line}: {header.problem or columns}")
    for row in rows:
        errors += [f"{file}:{row.line}: {problem}" for problem in _problems(row, orders)]
    if not orders and not errors:
        errors.append(f"{file}:{header.line}: there is no order below the first line")
    if errors:
        hidden = [f"... and {len(errors) - MAX_ERRORS_SHOWN} more"] if len(errors) > MAX_ERRORS_SHOWN else []
        raise OrderUsageError("\n".join(("nothing was placed:", *errors[:MAX_ERRORS_SHOWN], *hidden)))
    return list(orders.values())


def _problems(row: Row, orders: dict[str, FileOrder]) -> Iterator[str]:
    """What is wrong with a row; one that is well goes to its order."""
    if row.problem is not None or len(row.fields) != len(HEADER):
        yield row.problem or f"there must be {len(HEADER)} columns, not {len(row.fields)}"
        return
    name, customer, *buyer, sku, quantity = row.fields
    said = dict(zip(BUYER, buyer, strict=True))
    if not name:
        yield "order is empty"
        return
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) <= MAX_DIGITS):
        yield f"quantity must be a whole number, not {shown(quantity)}"
        return
    order = orders.setdefault(name, FileOrder(name, customer, said, row.line))
    if (order.customer, order.buyer) != (customer, said):
        yield f"order {shown(name)} has another customer or address than on line {order.first_line}"
        return
    order.lines.append((sku, int(quantity)))
