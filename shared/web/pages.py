"""Lists that are answered page by page (`limit`, `cursor`), and narrowed to a `status`."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import web
from sqlalchemy import Row

from shared.web.cursor import decode_cursor, encode_cursor
from shared.web.problems import ProblemError
from shared.web.query import number_in

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200

StatusT = TypeVar("StatusT", bound=StrEnum)

Place = tuple[datetime, str]
"""Where a row stands in its list."""


async def page_of(
    request: web.Request,
    rows_after: Callable[[Place | None, int], Awaitable[Sequence[Row[Any]]]],
    *,
    place: Callable[[Row[Any]], Place],
    view: Callable[[Row[Any]], dict[str, Any]],
) -> web.Response:
    """The page that the request asks for; `rows_after` reads so many rows behind a place, or from the beginning.

    Raises:
        ProblemError: the request's limit or cursor is none.
    """
    limit = number_in(request.query, "limit", DEFAULT_LIMIT, lowest=1, highest=MAX_LIMIT)
    cursor = request.query.get("cursor")
    # One more than the page has tells whether another page follows.
    rows = await rows_after(decode_cursor(cursor) if cursor else None, limit + 1)
    shown = rows[:limit]
    following = encode_cursor(*place(shown[-1])) if len(rows) > limit else None
    return web.json_response({"items": [view(row) for row in shown], "next_cursor": following})


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
        detail = f"status: {value!r} is no status; there are {', '.join(statuses)}."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
