"""Reads a catalogue file: CSV in UTF-8, one product a line, every error with its line.

Spreadsheets write semicolons or tabs where a comma is the decimal point, a first line `sep=;`, and spaces that aren't
the usual one; all of that is taken.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

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

_SEPARATOR: Final = re.compile(r"sep=([,;\t])", re.IGNORECASE)
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
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _unreadable(1 + raw.count(b"\n", 0, error.start), "this isn't UTF-8 text")
    rows = _rows(content)
    header_line, header = next(rows, (1, []))
    columns = () if isinstance(header, str) else tuple(_plain(field) for field in header)
    if columns not in {HEADER, (*HEADER, EXPECTED_STOCK)}:
        found = header if isinstance(header, str) else ",".join(header)
        wanted = f"{','.join(HEADER)}, with or without {EXPECTED_STOCK} at its end"
        return _unreadable(header_line, f"the first line must be {wanted}, not {found[:200]!a}")
    return _read_products(rows, len(columns))


def _read_products(rows: Iterator[tuple[int, list[str] | str]], width: int) -> CatalogueFile:
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
        if len(fields) != width:
            errors.append(LineError(number, f"there must be {width} columns, not {len(fields)}"))
            continue
        product = [_plain(field) for field in fields]
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


def _plain(field: str) -> str:
    """With usual spaces in place of those that a spreadsheet puts between digits and units."""
    return "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in field).strip()


def _problems(  # noqa: PLR0913, PLR0917 - one per column
    sku: str, name: str, price_cents: str, currency: str, stock: str, expected_stock: str = ""
) -> Iterator[str]:
    if not sku:
        yield "sku is empty"
    elif not is_sku(sku):
        yield f"sku must be {SKU_RULE}, not {sku[:64]!a}"
    if not name:
        yield "name is empty"
    elif len(name) > MAX_NAME_LENGTH:
        yield f"name may have {MAX_NAME_LENGTH} characters, not {len(name)}"
    elif unprintable := next((letter for letter in name if not letter.isprintable()), None):
        yield f"name holds U+{ord(unprintable):04X}, which can't be printed"
    if not _is_between(price_cents, 1, MAX_PRICE_CENTS):
        yield f"price_cents must be a whole number from 1 to {MAX_PRICE_CENTS}, not {price_cents[:64]!a}"
    if not _CURRENCY.fullmatch(currency):
        yield f"currency must be 3 upper-case letters, not {currency[:64]!a}"
    if not _is_between(stock, 0, MAX_STOCK):
        yield f"stock must be a whole number from 0 to {MAX_STOCK}, not {stock[:64]!a}"
    if expected_stock and not _is_between(expected_stock, 0, MAX_STOCK):
        yield f"{EXPECTED_STOCK} must be empty or a whole number from 0 to {MAX_STOCK}, not {expected_stock[:64]!a}"


def _is_between(number: str, lowest: int, highest: int) -> bool:
    return _DIGITS.fullmatch(number) is not None and lowest <= int(number) <= highest


def _rows(content: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row that isn't blank, with the line it begins on; as a sentence if it can't be read."""
    file = io.StringIO(content, newline="")
    first = content.partition("\n")[0].strip()
    said = _SEPARATOR.fullmatch(first)
    if said is not None:
        file.readline()
    separator = said[1] if said is not None else next((one for one in ",;\t" if one in first), ",")
    reader = csv.reader(file, delimiter=separator, strict=True)
    passed_over = 0 if said is None else 1
    while True:
        begins_on = reader.line_num + 1 + passed_over
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
