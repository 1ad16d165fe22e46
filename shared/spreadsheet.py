"""Reads CSV as spreadsheets and people write it.

They write semicolons or tabs where a comma is the decimal point, a first line `sep=;`, line ends of three kinds, rows
of nothing but separators, and spaces that aren't the usual one; all of that is taken.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SEPARATOR: Final = re.compile(r'"?sep=([,;\t])"?[,;\t]*', re.IGNORECASE)
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_HINT: Final = "save it as CSV in UTF-8 (in a spreadsheet: CSV UTF-8)"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that isn't blank, with the line it begins on, counted from 1; `problem`: why it couldn't be read."""

    line: int
    fields: tuple[str, ...] = ()
    problem: str | None = None


def spreadsheet_rows(raw: bytes) -> Iterator[Row]:
    """Each row that isn't blank; one with a problem alone if this is no text."""
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.split(raw[: error.start].decode("latin-1")))
        yield Row(line, problem=f"this isn't UTF-8 text: {_HINT}")
        return
    if "\x00" in _LINE_END.split(content, maxsplit=1)[0]:
        yield Row(1, problem=f"this isn't text, or text in UTF-16: {_HINT}")
        return
    yield from _rows(content)


def shown(field: str) -> str:
    """What stands there, for a sentence, with what nobody sees in it named as `U+200B`."""
    unseen = next((f"U+{ord(letter):04X}" for letter in field if not letter.isprintable()), None)
    return f"{field[:64]!a}" if unseen is None else f"{field[:64]!a}, which holds {unseen}"


def _rows(content: str) -> Iterator[Row]:
    blank, content = _without_blank_lines(content)
    first, *_ = _LINE_END.split(content, maxsplit=1)
    said = _SEPARATOR.fullmatch(first.strip())
    if said is not None:
        content = content[len(first) :]  # its line end stays, as a blank line that is counted
    separator = said[1] if said is not None else next((one for one in ",;\t" if one in first), ",")
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    while True:
        begins_on = reader.line_num + 1 + blank
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(begins_on, problem=f"this isn't CSV: {error}")
            continue
        row = tuple(_plain(field) for field in fields)
        if any(row):
            yield Row(begins_on, row)


def _without_blank_lines(content: str) -> tuple[int, str]:
    """How many blank lines there are at the beginning, and the rest."""
    rest = content.lstrip(" \t\r\n")
    if not rest:
        return 0, content
    before = content[: len(content) - len(rest)]
    last_end = max(before.rfind("\r"), before.rfind("\n")) + 1
    return len(_LINE_END.findall(before[:last_end])), content[last_end:]


def _plain(field: str) -> str:
    """With usual spaces in place of those that a spreadsheet puts between digits and units."""
    return "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in field).strip()
