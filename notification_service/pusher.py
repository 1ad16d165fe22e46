"""Hands one push message to the shop's push gateway: a signed webhook, whose id is the step's."""

import json
import time
from datetime import datetime
from http import HTTPStatus
from typing import Final, Protocol

import aiohttp

from notification_service.message import key_digest
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.notification import SendPush
from shared.web.text import refused_character
from shared.webhooks import Secret, signed_headers

EVENT_TYPE: Final = "push.requested"
MAX_USER_ID_LENGTH: Final = 255
MAX_MESSAGE_LENGTH: Final = 2_000

REFUSALS: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""The receiver's last word on this message. Any other error may change: 401 by a repaired secret, 503 by time."""


class PushOutageError(Exception):
    """The push gateway didn't say that it has the message; the same id may be sent again."""


class Pusher(Protocol):
    """Hands over push messages; the same key may be sent any number of times."""

    async def send(self, key: StepKey, request: SendPush, written_at: datetime) -> None:
        """Return when the receiver says that it has the message.

        Raises:
            Refused: it says that it never takes this message.
            PushOutageError: it may have it or not.
        """


def webhook_id(key: StepKey) -> str:
    """The idempotency key of the step's webhook: receivers drop a second one."""
    return f"msg_{key_digest(key)}"


def check(request: SendPush) -> None:
    """Turn away what can't be a push message.

    Raises:
        Refused: with what to correct.
    """
    user_id, message = request.user_id, request.message
    if not user_id.strip() or refused_character(user_id) is not None or len(user_id) > MAX_USER_ID_LENGTH:
        raise Refused(f"user_id must be 1 to {MAX_USER_ID_LENGTH} printable characters")
    if not message.strip() or "\0" in message or len(message) > MAX_MESSAGE_LENGTH:
        raise Refused(f"the message must have 1 to {MAX_MESSAGE_LENGTH} characters")


def body_of(request: SendPush, written_at: datetime) -> bytes:
    """The webhook's body, the same bytes in every attempt."""
    event = {"type": EVENT_TYPE, "timestamp": written_at.isoformat(), "data": request.model_dump(mode="json")}
    return json.dumps(event, separators=(",", ":")).encode()


class WebhookPusher:
    """A `Pusher` over HTTP. It belongs to the event loop that calls it first."""

    def __init__(self, url: str, secrets: tuple[Secret, ...], *, timeout_seconds: float) -> None:
        self._url = url
        self._secrets = secrets
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, key: StepKey, request: SendPush, written_at: datetime) -> None:
        if self._session is None:  # only here is the loop known: the worker makes its own, later
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        body = body_of(request, written_at)
        headers = signed_headers(self._secrets, webhook_id(key), int(time.time()), body)
        headers["Content-Type"] = "application/json"
        try:
            # A redirect would hand the message to someone who wasn't named.
            async with self._session.post(self._url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise PushOutageError(f"the push gateway gave no answer: {error!r}") from error
        if status in REFUSALS:
            raise Refused(f"the push gateway refuses the message with {status}")
        if not 200 <= status < 300:  # noqa: PLR2004 - the class of answers that mean yes
            raise PushOutageError(f"the push gateway answered {status}{_advice(status)}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _advice(status: int) -> str:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ": does it know PUSH_WEBHOOK_SECRET?"
    if 300 <= status < 400:  # noqa: PLR2004 - redirects
        return ": redirects aren't followed, so let PUSH_WEBHOOK_URL name the final address"
    return ""
