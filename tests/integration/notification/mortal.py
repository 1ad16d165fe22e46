"""Sends one message in a process that dies: `python -m tests.integration.notification.mortal DB SMTP HTTP WHOM POINT`.

An address gets an e-mail, anyone else a push.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum

from notification_service.mailer import Mailer
from notification_service.pusher import Pusher
from shared.database import create_engine
from shared.participant.fence import StepKey
from shared.shop.notification import SendPush
from tests.integration.notification.world import World, a_mailer, a_pusher


class Point(StrEnum):
    """Where it dies."""

    ANNOUNCED = "announced"
    SERVER_READY = "server-ready"
    LEAVING = "leaving"
    TAKEN = "taken"
    RECORDED = "recorded"


def die(here: Point, point: Point) -> None:
    """The end, if this is the point."""
    if here is point:
        os.kill(os.getpid(), signal.SIGKILL)


class MortalMailer:
    """A real mailer whose process dies at a point."""

    def __init__(self, mailer: Mailer, point: Point) -> None:
        self._mailer = mailer
        self._point = point

    async def send(
        self, sender: str, recipient: str, content: bytes, before_leaving: Callable[[], Awaitable[None]]
    ) -> str:
        async def before() -> None:
            die(Point.SERVER_READY, self._point)
            await before_leaving()
            die(Point.LEAVING, self._point)

        die(Point.ANNOUNCED, self._point)
        words = await self._mailer.send(sender, recipient, content, before)
        die(Point.TAKEN, self._point)
        return words


class MortalPusher:
    """A real pusher whose process dies at a point."""

    def __init__(self, pusher: Pusher, point: Point) -> None:
        self._pusher = pusher
        self._point = point

    async def send(self, key: StepKey, request: SendPush, written_at: datetime) -> None:
        die(Point.ANNOUNCED, self._point)
        await self._pusher.send(key, request, written_at)
        die(Point.TAKEN, self._point)


async def main(database_url: str, smtp_url: str, mailbox_url: str, whom: str, point: Point) -> None:
    database = create_engine(database_url, application_name="mortal")
    mailer = MortalMailer(a_mailer(smtp_url), point)
    world = World(database, mailer, MortalPusher(a_pusher(mailbox_url), point))
    await (world.email(whom) if "@" in whom else world.push(whom))
    die(Point.RECORDED, point)


if __name__ == "__main__":
    _, database, smtp, web, person, where = sys.argv
    asyncio.run(main(database, smtp, web, person, Point(where)))
