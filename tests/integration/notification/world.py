"""A notification-service and a real mailbox process, and short ways to send and to look."""

import asyncio
import base64
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from devstack.topology.addresses import free_block
from notification_service.mailer import Mailer, SmtpMailer, read_smtp_url
from notification_service.notifications import Notifications
from notification_service.pusher import Pusher, WebhookPusher
from notification_service.store import NotificationStore
from shared.participant.fence import StepKey
from shared.shop.notification import NotificationSent, SendEmail, SendPush
from shared.webhooks import read_secrets
from tests.integration.conftest import PROJECT
from tests.waiting import eventually

SECRET: Final = "whsec_" + base64.b64encode(b"of a throwaway mailbox, 32 bytes").decode()
SENDER: Final = "shop@saga-shop.example"
SLOW_SECONDS: Final = 0.5
EMAIL_STEP: Final = "send_email"
PUSH_STEP: Final = "send_push"


@dataclass(slots=True)
class MailboxProcess:
    """`python -m local_mailbox`, which can be killed and started again with what it kept."""

    smtp_port: int
    http_port: int
    file: Path
    more: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.smtp_port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def start(self) -> None:
        variables = {
            "SERVICE_HTTP_PORT": str(self.http_port),
            "MAILBOX_SMTP_PORT": str(self.smtp_port),
            "MAILBOX_FILE": str(self.file),
            "PUSH_WEBHOOK_SECRET": SECRET,
            "MAILBOX_SLOW_SECONDS": str(SLOW_SECONDS),
            **self.more,
        }
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "local_mailbox",
            cwd=PROJECT,
            env=os.environ | variables,
            stdout=asyncio.subprocess.DEVNULL,
        )
        await eventually(self._is_ready, "the mailbox is ready")

    async def end(self, signal_number: signal.Signals = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(signal_number)
        return await asyncio.wait_for(self.process.wait(), 20)

    async def get(self, path: str, **query: str) -> tuple[int, Any]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path, params=query) as response:
            return response.status, await response.json(content_type=None)

    async def mails(self, recipient: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get("/messages", recipient=recipient))[1]["items"]
        return items

    async def pushes(self, user_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get("/pushes", user_id=user_id))[1]["items"]
        return items

    async def _is_ready(self) -> bool:
        try:
            return (await self.get("/readyz"))[0] == 200
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def running_mailbox(folder: Path, **more: str) -> AsyncIterator[MailboxProcess]:
    """An empty mailbox on free ports."""
    port = free_block(2)
    mailbox = MailboxProcess(port, port + 1, folder / "mailbox.sqlite", more)
    await mailbox.start()
    try:
        yield mailbox
    finally:
        await mailbox.end()


def a_mailer(smtp_url: str, *, timeout_seconds: float = 5.0, answer_seconds: float = 5.0) -> SmtpMailer:
    return SmtpMailer(read_smtp_url(smtp_url), timeout_seconds=timeout_seconds, answer_seconds=answer_seconds)


def a_pusher(mailbox_url: str) -> WebhookPusher:
    return WebhookPusher(f"{mailbox_url}/push", read_secrets(SECRET), timeout_seconds=5)


class World:
    """The notification-service without its HTTP surface and its sidecar."""

    def __init__(self, database: AsyncEngine, mailer: Mailer, pusher: Pusher) -> None:
        self.database = database
        self.store = NotificationStore(database)
        self.notifications = Notifications(self.store, mailer, pusher, SENDER)

    async def email(self, recipient: str, saga_id: str = "task-1", **more: str) -> NotificationSent:
        request = SendEmail(recipient=recipient, **{"subject": "Task Assigned", "body": "Please pack it.", **more})
        return await self.notifications.email(StepKey(saga_id, EMAIL_STEP), request)

    async def push(self, user_id: str, saga_id: str = "task-1", message: str = "Task assigned") -> NotificationSent:
        return await self.notifications.push(StepKey(saga_id, PUSH_STEP), SendPush(user_id=user_id, message=message))

    async def states(self, saga_id: str = "task-1") -> tuple[str, str]:
        """The fence's state and the notification's status."""
        statement = text("""
            SELECT state, status FROM saga_steps JOIN notifications USING (saga_id, step) WHERE saga_id = :saga_id
        """)
        async with self.database.connect() as connection:
            row = (await connection.execute(statement, {"saga_id": saga_id})).one()
        return row.state, row.status
