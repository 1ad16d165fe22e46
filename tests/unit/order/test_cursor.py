"""Cursors of paged answers."""

import base64
from datetime import UTC, datetime
from http import HTTPStatus

import pytest

from shared.web.paging import decode_cursor, encode_cursor
from shared.web.problems import ProblemError

pytestmark = pytest.mark.unit

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.mark.parametrize("order_id", ["ord-1", "ord-12", "ord-123", "ord-1234"])
def test_a_cursor_comes_back_as_it_was(order_id: str) -> None:
    """To the microsecond, and whatever its length: clients pass it on in a URL without escaping it."""
    cursor = encode_cursor(MOMENT, order_id)

    assert decode_cursor(cursor) == (MOMENT, order_id)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "é",
        "!!!!",
        encoded("2026-01-01T00:00:00+00:00"),
        encoded("yesterday ord-1"),
        encoded("2026-01-01T00:00:00 ord-1"),
        encoded("2026-01-01T00:00:00+00:00 ord-1 more"),
        base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    ],
    ids=["short", "not ascii", "not base64", "no id", "no date", "no zone", "too much", "not text"],
)
def test_a_cursor_from_elsewhere_is_refused(cursor: str) -> None:
    """422 with a sentence, never a mistake of the service."""
    with pytest.raises(ProblemError) as caught:
        decode_cursor(cursor)

    assert caught.value.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "cursor" in caught.value.detail
