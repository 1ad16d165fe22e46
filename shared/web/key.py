"""The Idempotency-Key of a request."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from shared.web.problems import ProblemError

MAX_KEY_LENGTH: Final = 255


def idempotency_key_of(request: web.Request, what: str) -> str:
    """The key, one per `what`.

    Raises:
        ProblemError: 400 if there is none, or one that can't be stored.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"Send an Idempotency-Key header: a fresh UUID per {what}, the same one on every retry "
            f"(1 to {MAX_KEY_LENGTH} printable characters).",
        )
    return key
