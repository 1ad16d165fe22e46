"""The Idempotency-Key of a request, and what tells its repeats from other requests."""

import hashlib
import json
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import Row

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


def request_hash(body: BaseModel, *, about: str = "") -> str:
    """The same for the same body, for good; `about` is what the path of the request names besides."""
    # A field that came later and isn't given must not change the hash of what was accepted before it.
    canonical = json.dumps(body.model_dump(mode="json", exclude_none=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{about} {canonical}".lstrip().encode()).hexdigest()


def check_same_request(earlier: Row[Any], hash_now: str, what: str) -> None:
    """Turn away another request under a key that was used, by the `request_hash` of its row.

    Raises:
        ProblemError: 409.
    """
    if earlier.request_hash != hash_now:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"This Idempotency-Key was used for another {what}: send the same body again, or a new key.",
        )
