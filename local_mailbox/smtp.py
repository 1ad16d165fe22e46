"""The mailbox's SMTP server."""

import asyncio
import email
from email.policy import default
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from local_mailbox.habits import Habit, habit_of
from local_mailbox.store import MailboxStore

MAX_MESSAGE_BYTES: Final = 1_000_000
HOSTNAME: Final = "mailbox.saga-shop.example"


class MailHandler:
    """Takes e-mail, or fails as its recipient is wont to."""

    def __init__(self, store: MailboxStore, *, slow_seconds: float) -> None:
        self._store = store
        self._slow_seconds = slow_seconds

    async def handle_RCPT(  # noqa: N802 - named by aiosmtpd, as are the next
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        del server, session
        habit = habit_of(address)
        if habit.name == "bounce":
            return "550 5.1.1 There is nobody of that name"
        if habit.name == "greylist" and await self._fails_again("rcpt", address, habit):
            return "450 4.2.0 Greylisted, try again"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del session
        for address in envelope.rcpt_tos:
            habit = habit_of(address)
            if habit.name == "toobig":
                return "552 5.3.4 The message is too big"
            if habit.name == "tempfail" and await self._fails_again("data", address, habit):
                return "451 4.3.0 Not now"
            if habit.name == "lose":
                return _hang_up(server)
            await asyncio.to_thread(self._take, envelope, address)
            if habit.name == "drop":
                return _hang_up(server)
            if habit.name == "slow":
                await asyncio.sleep(self._slow_seconds)
        return "250 2.0.0 The message is in the mailbox"

    async def _fails_again(self, stage: str, address: str, habit: Habit) -> bool:
        return await asyncio.to_thread(self._store.fails_again, f"{stage} {address}", habit.times)

    def _take(self, envelope: Envelope, recipient: str) -> None:
        source = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = email.message_from_bytes(source, policy=default)
        body = message.get_body(("plain",))
        self._store.take_message(
            message_id=str(message["Message-ID"] or ""),
            sender=envelope.mail_from or "",
            recipient=recipient,
            # A line end right after the name, where a long subject is folded, would leave a space.
            subject=str(message["Subject"] or "").strip(),
            body=str(body.get_content()).replace("\r\n", "\n") if body is not None else "",
            source=source.decode("utf-8", "replace"),
        )


def _hang_up(server: SMTP) -> str:
    if isinstance(server.transport, asyncio.WriteTransport):
        server.transport.abort()
    return "421 4.3.0 never heard"


async def listen(handler: MailHandler, host: str, port: int) -> asyncio.Server:
    """The server, which takes e-mail until it is closed."""
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(handler, hostname=HOSTNAME, data_size_limit=MAX_MESSAGE_BYTES, enable_SMTPUTF8=True, loop=loop)

    return await loop.create_server(session, host, port)
