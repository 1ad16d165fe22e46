"""The sender dies by SIGKILL in every window, and what the next attempt then does."""

import asyncio
import signal
import sys
import time

import pytest

from shared.participant.errors import Refused
from tests.integration.conftest import PROJECT
from tests.integration.notification.mortal import Point
from tests.integration.notification.world import MailboxProcess, World


async def die_sending(database_url: str, mailbox: MailboxProcess, whom: str, point: Point) -> None:
    arguments = (database_url, mailbox.smtp_url, mailbox.url, whom, point)
    module = ("-m", "tests.integration.notification.mortal")
    process = await asyncio.create_subprocess_exec(sys.executable, *module, *arguments, cwd=PROJECT)
    assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


@pytest.mark.parametrize("point", [Point.ANNOUNCED, Point.SERVER_READY])
async def test_an_email_that_had_not_left_is_sent_by_the_next_attempt(
    world: World, mailbox: MailboxProcess, database_url: str, point: Point
) -> None:
    """Up to the server's "go on" nothing has left, so nothing is given up."""
    await die_sending(database_url, mailbox, "ada@example.com", point)
    assert await world.states() == ("pending", "pending")

    answer = await world.email("ada@example.com")

    assert answer.sent
    assert len(await mailbox.mails("ada@example.com")) == 1
    assert await world.states() == ("done", "sent")


@pytest.mark.parametrize(("point", "arrived"), [(Point.LEAVING, 0), (Point.TAKEN, 1)])
async def test_an_email_that_may_have_left_is_never_sent_again(
    world: World, mailbox: MailboxProcess, database_url: str, point: Point, arrived: int
) -> None:
    """From outside both windows look alike; the answer says so at once, and every repeat gets the same."""
    await die_sending(database_url, mailbox, "ada@example.com", point)
    assert await world.states() == ("pending", "leaving")

    for _ in range(3):
        with pytest.raises(Refused, match="unknown whether the e-mail left"):
            await world.email("ada@example.com")

    assert len(await mailbox.mails("ada@example.com")) == arrived
    assert await world.states() == ("refused", "unknown")


async def test_an_email_that_was_recorded_gets_its_first_answer(
    world: World, mailbox: MailboxProcess, database_url: str
) -> None:
    """Only the reply was lost."""
    await die_sending(database_url, mailbox, "ada@example.com", Point.RECORDED)

    first, second = await world.email("ada@example.com"), await world.email("ada@example.com")

    assert first == second
    assert len(await mailbox.mails("ada@example.com")) == 1


@pytest.mark.parametrize(("point", "repeats"), [(Point.ANNOUNCED, 0), (Point.TAKEN, 1), (Point.RECORDED, 0)])
async def test_a_push_arrives_once_wherever_its_sender_dies(
    world: World, mailbox: MailboxProcess, database_url: str, point: Point, repeats: int
) -> None:
    """What may have been sent is sent again under the same id, and the receiver drops it."""
    await die_sending(database_url, mailbox, "ada", point)

    answer = await world.push("ada")

    assert answer.sent
    assert [push["repeats"] for push in await mailbox.pushes("ada")] == [repeats]
    assert await world.states() == ("done", "sent")


async def test_the_lock_of_a_dead_sender_is_free_at_once(
    world: World, mailbox: MailboxProcess, database_url: str
) -> None:
    """The next attempt needn't wait until someone believes that it is dead."""
    await die_sending(database_url, mailbox, "ada@example.com", Point.LEAVING)
    began = time.monotonic()

    with pytest.raises(Refused):
        await world.email("ada@example.com")

    assert time.monotonic() - began < 5
