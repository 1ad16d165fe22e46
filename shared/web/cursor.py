"""Cursors of paged answers, opaque to clients."""

import base64
import binascii
from datetime import datetime
from http import HTTPStatus

from shared.web.problems import ProblemError


def encode_cursor(moment: datetime, row_id: str) -> str:
    """The cursor of the page after this row."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()} {row_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """The row after which the page begins.

    Raises:
        ProblemError: it isn't a cursor that this API gave out.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        when, row_id = text.split(" ")
        moment = datetime.fromisoformat(when)
    except (binascii.Error, ValueError) as error:
        detail = "cursor: pass on the next_cursor of the page before, or leave it out."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
    if moment.tzinfo is None or not row_id.isprintable():
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "cursor: it isn't one that this API gave out.")
    return moment, row_id
