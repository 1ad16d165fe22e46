"""Reads a catalogue file: CSV in UTF-8, one product a line, every error with its line."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SKU: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

SKU_RULE: Final = "1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"

HEADER: Final = ("sku", "name", "price_cents", "currency", "stock")
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
    """One product as the file wants it; `stock` is what shall be available."""

    line: int
    sku: str
    name: str
    price_cents: int
    currency: str
    stock: int


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
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(1 + raw.count(b"\n", 0, error.start), "this isn't UTF-8 text")
    rows = _rows(content)
    header_line, header = next(rows, (1, []))
    if isinstance(header, str) or tuple(field.strip() for field in header) != HEADER:
        found = header if isinstance(header, str) else ",".join(header)
        return _unreadable(header_line, f"the first line must be {','.join(HEADER)}, not {found[:200]!a}")
    return _read_products(rows)


def _read_products(rows: Iterator[tuple[int, list[str] | str]]) -> CatalogueFile:
    lines: list[CatalogueLine] = []
    errors: list[LineError] = []
    first_line_of: dict[str, int] = {}
    for count, (number, fields) in enumerate(rows, start=1):
        if count > MAX_PRODUCTS:
            errors.append(
                LineError(number, f"a file may hold {MAX_PRODUCTS:,} products; put the rest into a second one")
            )
            break
        if isinstance(fields, str):
            errors.append(LineError(number, f"this isn't CSV: {fields}"))
            continue
        if len(fields) != len(HEADER):
            errors.append(LineError(number, f"there must be {len(HEADER)} columns, not {len(fields)}"))
            continue
        product = [field.strip() for field in fields]
        first = first_line_of.setdefault(product[0], number)
        problems = list(_problems(*product))
        if first != number and product[0]:
            problems.append(f"sku {product[0][:64]} stands on line {first} already")
        errors.extend(LineError(number, problem) for problem in problems)
        if not problems:
            sku, name, price_cents, currency, stock = product
            lines.append(CatalogueLine(number, sku, name, int(price_cents), currency, int(stock)))
    if not lines and not errors:
        errors.append(LineError(1, "there is no product below the first line"))
    return CatalogueFile(tuple(lines), tuple(errors))


def _problems(sku: str, name: str, price_cents: str, currency: str, stock: str) -> Iterator[str]:
    if not sku:
        yield "sku is empty"
    elif not is_sku(sku):
        yield f"sku must be {SKU_RULE}, not {sku[:64]!a}"
    if not name:
        yield "name is empty"
    elif len(name) > MAX_NAME_LENGTH:
        yield f"name may have {MAX_NAME_LENGTH} characters, not {len(name)}"
    elif not name.isprintable():
        yield "name holds characters that can't be printed"
    if not _is_between(price_cents, 1, MAX_PRICE_CENTS):
        yield f"price_cents must be a whole number from 1 to {MAX_PRICE_CENTS}, not {price_cents[:64]!a}"
    if not _CURRENCY.fullmatch(currency):
        yield f"currency must be 3 upper-case letters, not {currency[:64]!a}"
    if not _is_between(stock, 0, MAX_STOCK):
        yield f"stock must be a whole number from 0 to {MAX_STOCK}, not {stock[:64]!a}"


def _is_between(number: str, lowest: int, highest: int) -> bool:
    return _DIGITS.fullmatch(number) is not None and lowest <= int(number) <= highest


def _rows(content: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row that isn't blank, with the line it begins on; as a sentence if it can't be read."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    while True:
        begins_on = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield begins_on, str(error)
            continue
        if fields:
            yield begins_on, fields


def _unreadable(line: int, message: str) -> CatalogueFile:
    return CatalogueFile((), (LineError(line, message),))
