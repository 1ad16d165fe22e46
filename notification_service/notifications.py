"""Sends each message at most once per step, whatever fails in between.

An e-mail can't be looked up and SMTP knows no idempotency key, so it is sent **at most once**: from its first byte on
only the server's own "I didn't take it" lets another attempt send it. A push message has an id that its receiver knows,
so it is sent **at least once with the same id**: exactly once for a receiver that keeps ids.
"""

import asyncio
import uuid
from typing import Final

from notification_service import message, pusher
from notification_service.mailer import Mailer, MailOutageError, MailUnknownError
from notification_service.pusher import Pusher
from notification_service.store import NotificationStore
from notification_service.tables import Medium, Status
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.notification import NotificationSent, SendEmail, SendPush
from shared.web.text import refused_character

UNKNOWN: Final = "unknown whether the e-mail left, so it isn't sent again"
MAX_SHOWN_LENGTH: Final = 320
AT_ONCE: Final = 8
"""Messages that are under way at the same time; each holds a connection to the database. Others wait their turn."""


class Notifications:
    """E-mail and push messages, once per step."""

    def __init__(
        self, store: NotificationStore, mailer: Mailer, push_gateway: Pusher, sender: str, *, at_once: int = AT_ONCE
    ) -> None:
        self._store = store
        self._mailer = mailer
        self._pusher = push_gateway
        self._sender = sender
        self._turns = asyncio.Semaphore(at_once)

    async def email(self, key: StepKey, request: SendEmail) -> NotificationSent:
        """Send the e-mail, or return the first answer.

        Raises:
            Refused: it can't be sent, or nobody knows whether it was.
            MailOutageError: it hasn't left; the next attempt may send it.
        """
        async with self._turns, self._store.alone(key):
            begun = await self._store.begin(key, Medium.EMAIL, shown(request.recipient), shown(request.subject))
            if begun.answer is not None:
                return begun.answer
            if begun.status is Status.LEAVING:
                return await self._store.end(key, Status.UNKNOWN, f"{UNKNOWN}: its sender died while it was leaving")
            try:
                request = message.mailable(request)
            except Refused as refusal:
                return await self._store.end(key, Status.REFUSED, str(refusal))
            return await self._send(key, request, message.build(key, self._sender, request, begun.written_at))

    async def _send(self, key: StepKey, request: SendEmail, content: bytes) -> NotificationSent:
        attempt_id = uuid.uuid4().hex

        async def before_leaving() -> None:
            await self._store.leave(key, attempt_id)

        try:
            words = await self._mailer.send(self._sender, request.recipient, content, before_leaving)
        except Refused as refusal:
            return await self._store.end(key, Status.REFUSED, str(refusal))
        except MailUnknownError as error:
            return await self._store.end(key, Status.UNKNOWN, f"{UNKNOWN}: {error}")
        except MailOutageError as error:
            await self._store.stay(key, attempt_id, str(error))
            raise
        return await self._store.sent(key, words)

    async def push(self, key: StepKey, request: SendPush) -> NotificationSent:
        """Send the push message, or return the first answer.

        Raises:
            Refused: the receiver never takes it.
            PushOutageError: the next attempt sends it again, under the same id.
        """
        async with self._turns, self._store.alone(key):
            begun = await self._store.begin(key, Medium.PUSH, shown(request.user_id))
            if begun.answer is not None:
                return begun.answer
            try:
                pusher.check(request)
                await self._pusher.send(key, request, begun.written_at)
            except Refused as refusal:
                return await self._store.end(key, Status.REFUSED, str(refusal))
            return await self._store.sent(key)


def shown(text: str) -> str:
    """What a person may look at and a database can keep, whatever was sent."""
    return "".join("?" if refused_character(character) else character for character in text[:MAX_SHOWN_LENGTH])
