"""Lists that are answered page by page (`limit`, `cursor`), and numbers as others write them.

Whatever is wrong with a query is answered by 422 and a sentence.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import Row

from shared.web.problems import ProblemError

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

StatusT = TypeVar("StatusT", bound=StrEnum)
T = TypeVar("T")

Place = tuple[datetime, str]
"""Where a row stands in its list."""


def bad_query(detail: str) -> ProblemError:
    """The problem of a query that can't be carried out."""
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def whole_number(written: str, lowest: int, highest: int) -> int | None:
    """The number; None if it isn't one from `lowest` to `highest`, or has more digits than `highest`.

    `lowest` isn't negative. The digits are counted first, since `int` raises for thousands of them.
    """
    if not (written.isascii() and written.isdigit() and len(written) <= len(str(highest))):
        return None
    number = int(written)
    return number if lowest <= number <= highest else None


def number_in(query: Mapping[str, str], name: str, default: int, *, lowest: int, highest: int) -> int:
    """The parameter of this name, or the default if there is none.

    Raises:
        ProblemError: it isn't a whole number from `lowest` to `highest`.
    """
    written = query.get(name)
    if written is None:
        return default
    number = whole_number(written, lowest, highest)
    if number is None:
        raise bad_query(f"{name} must be a whole number from {lowest} to {highest}, not {written[:40]!a}.")
    return number


def cut(rows: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """The page, of rows of which one more than `limit` was read; and its last row, if another page follows."""
    shown = rows[:limit]
    return shown, shown[-1] if len(rows) > limit else None


def encode_cursor(moment: datetime, row_id: str) -> str:
    """The cursor of the page after this row, opaque to clients."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> Place:
    """The row after which the page begins.

    Raises:
        ProblemError: it isn't a cursor that this API gave out.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        when, row_id = text.split(" ")
        return read_place(when, row_id)
    except (binascii.Error, ValueError) as error:
        raise bad_query("cursor: pass on the next_cursor of the page before, or leave it out.") from error


def read_place(when: str, row_id: str) -> Place:
    """A place that somebody may have made up.

    Raises:
        ValueError: it can't be asked for.
    """
    moment = datetime.fromisoformat(when)
    if moment.tzinfo is None or not row_id.isprintable():
        raise ValueError("it isn't one that this API gave out")
    try:
        return moment.astimezone(UTC), row_id
    except OverflowError as error:  # before the year 1, or after 9999
        raise ValueError("there is no such moment") from error


async def page_of(
    request: web.Request,
    rows_after: Callable[[Place | None, int], Awaitable[Sequence[Row[Any]]]],
    *,
    place: Callable[[Row[Any]], Place],
    view: Callable[[Row[Any]], BaseModel],
) -> web.Response:
    """The page that the request asks for; `rows_after` reads so many rows behind a place, or from the beginning.

    Raises:
        ProblemError: the request's limit or cursor is none.
    """
    limit = number_in(request.query, "limit", DEFAULT_LIMIT, lowest=1, highest=MAX_LIMIT)
    cursor = request.query.get("cursor")
    shown, last = cut(await rows_after(decode_cursor(cursor) if cursor else None, limit + 1), limit)
    following = None if last is None else encode_cursor(*place(last))
    return web.json_response({"items": [view(row).model_dump(mode="json") for row in shown], "next_cursor": following})


def read_status(statuses: type[StatusT], request: web.Request) -> StatusT | None:
    """The status to which the request narrows its list; None if to none.

    Raises:
        ProblemError: there is no such status.
    """
    value = request.query.get("status")
    if value is None:
        return None
    try:
        return statuses(value)
    except ValueError as error:
        raise bad_query(f"status: {value!r} is no status; there are {', '.join(statuses)}.") from error
