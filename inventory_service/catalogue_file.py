"""Reads a catalogue file: CSV in UTF-8, one product a line, every error with its line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.spreadsheet import Row, shown, spreadsheet_rows
from shared.web.text import is_visible, refused_character

_SKU: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

SKU_RULE: Final = "1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"

HEADER: Final = ("sku", "name", "price_cents", "currency", "stock")
EXPECTED_STOCK: Final = "expected_stock"
"""The sixth column, which a file may have: how much is available now, for `stock` to take its place."""
MAX_PRODUCTS: Final = 200_000
"""In one file: so many are imported in one transaction of some seconds. More go into a second file."""
MAX_NAME_LENGTH: Final = 200
MAX_PRICE_CENTS: Final = 1_000_000_000
MAX_STOCK: Final = 1_000_000_000

_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_DIGITS: Final = re.compile(r"[0-9]{1,12}")


def is_sku(text: str) -> bool:
    """Whether a product could have this SKU; whatever else people send never reaches the database."""
    return _SKU.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class CatalogueLine:
    """One product as the file wants it.

    `stock` is what a new product begins with, and what a delivery brings; of any other product it is what shall be
    available if `expected_stock` is available now, and means nothing without.
    """

    line: int
    sku: str
    name: str
    price_cents: int
    currency: str
    stock: int
    expected_stock: int | None = None


@dataclass(frozen=True, slots=True)
class LineError:
    """What is wrong with one line."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """The lines that make sense and the errors of those that don't."""

    lines: tuple[CatalogueLine, ...]
    errors: tuple[LineError, ...]


def read_catalogue(raw: bytes) -> CatalogueFile:
    """Check every line; lines are counted from 1, and blank ones are passed over."""
    rows = spreadsheet_rows(raw)
    header = next(rows, Row(1, ("",)))
    if header.problem is not None:
        return _unreadable(header.line, header.problem)
    if header.fields not in {HEADER, (*HEADER, EXPECTED_STOCK)}:
        return _unreadable(header.line, _wrong_header(header.fields))
    return _read_products(rows, len(header.fields))


def _read_products(rows: Iterator[Row], width: int) -> CatalogueFile:
    lines: list[CatalogueLine] = []
    errors: list[LineError] = []
    first_line_of: dict[str, int] = {}
    for count, row in enumerate(rows, start=1):
        number, product = row.line, row.fields
        if count > MAX_PRODUCTS:
            errors.append(
                LineError(number, f"a file may hold {MAX_PRODUCTS:,} products; put the rest into a second one")
            )
            break
        if row.problem is not None:
            errors.append(LineError(number, row.problem))
            continue
        if len(product) != width:
            errors.append(LineError(number, f"there must be {width} columns, not {len(product)}"))
            continue
        first = first_line_of.setdefault(product[0], number)
        problems = list(_problems(*product))
        if first != number and product[0]:
            problems.append(f"sku {product[0][:64]} stands on line {first} already")
        errors.extend(LineError(number, problem) for problem in problems)
        if not problems:
            sku, name, price_cents, currency, stock, *expected = product
            expected_stock = int(expected[0]) if expected and expected[0] else None
            lines.append(CatalogueLine(number, sku, name, int(price_cents), currency, int(stock), expected_stock))
    if not lines and not errors:
        errors.append(LineError(1, "there is no product below the first line"))
    return CatalogueFile(tuple(lines), tuple(errors))


def _wrong_header(columns: tuple[str, ...]) -> str:
    """Names the first column that isn't as it must be; what nobody sees in it as `U+200B`."""
    wanted = f"the first line must be {','.join(HEADER)}, with or without {EXPECTED_STOCK} at its end"
    for number, (column, name) in enumerate(zip(columns, (*HEADER, EXPECTED_STOCK), strict=False), start=1):
        if column != name:
            return f"{wanted}; column {number} must be {name}, not {shown(column)}"
    return f"{wanted}; there are {len(columns)} columns"


def _problems(  # noqa: PLR0913, PLR0917 - one per column
    sku: str, name: str, price_cents: str, currency: str, stock: str, expected_stock: str = ""
) -> Iterator[str]:
    if not sku:
        yield "sku is empty"
    elif not is_sku(sku):
        yield f"sku must be {SKU_RULE}, not {shown(sku)}"
    yield from _problems_of_name(name)
    if not _is_between(price_cents, 1, MAX_PRICE_CENTS):
        yield f"price_cents must be a whole number from 1 to {MAX_PRICE_CENTS}, not {shown(price_cents)}"
    if not _CURRENCY.fullmatch(currency):
        yield f"currency must be 3 upper-case letters, not {shown(currency)}"
    if not _is_between(stock, 0, MAX_STOCK):
        yield f"stock must be a whole number from 0 to {MAX_STOCK}, not {shown(stock)}"
    if expected_stock and not _is_between(expected_stock, 0, MAX_STOCK):
        yield f"{EXPECTED_STOCK} must be empty or a whole number from 0 to {MAX_STOCK}, not {shown(expected_stock)}"


def _problems_of_name(name: str) -> Iterator[str]:
    if not name:
        yield "name is empty"
    elif len(name) > MAX_NAME_LENGTH:
        yield f"name may have {MAX_NAME_LENGTH} characters, not {len(name)}"
    elif refused := refused_character(name):
        yield f"name holds {refused}, which can't be printed"
    elif not is_visible(name):
        yield "name must have a character that can be seen"


def _is_between(number: str, lowest: int, highest: int) -> bool:
    return _DIGITS.fullmatch(number) is not None and lowest <= int(number) <= highest


def _unreadable(line: int, message: str) -> CatalogueFile:
    return CatalogueFile((), (LineError(line, message),))
