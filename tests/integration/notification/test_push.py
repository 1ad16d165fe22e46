"""Push messages as signed webhooks, to a receiver that keeps their ids."""

import asyncio
import signal

import pytest

from notification_service.pusher import PushOutageError, WebhookPusher
from shared.participant.errors import Refused
from shared.webhooks import Secret, read_secrets
from tests.integration.notification.world import SECRET, MailboxProcess, World


async def test_a_push_arrives_and_its_repeat_gets_the_first_answer(world: World, mailbox: MailboxProcess) -> None:
    first = await world.push("ada", message="Aufgabe für Sie")

    assert await world.push("ada", message="Aufgabe für Sie") == first
    assert [(push["message"], push["repeats"]) for push in await mailbox.pushes("ada")] == [("Aufgabe für Sie", 0)]


async def test_twenty_duplicates_at_once_have_one_answer(world: World, mailbox: MailboxProcess) -> None:
    answers = await asyncio.gather(*(world.push("ada") for _ in range(20)))

    assert len({answer.sent_at for answer in answers}) == 1
    assert len(await mailbox.pushes("ada")) == 1


async def test_a_lost_answer_is_repeated_under_the_same_id(world: World, mailbox: MailboxProcess) -> None:
    """The receiver has it, drops the second one, and counts it."""
    with pytest.raises(PushOutageError, match="gave no answer"):
        await world.push("drop")

    assert (await world.push("drop")).sent
    assert [push["repeats"] for push in await mailbox.pushes("drop")] == [1]


async def test_a_receiver_in_trouble_is_asked_again(world: World, mailbox: MailboxProcess) -> None:
    with pytest.raises(PushOutageError, match="503"):
        await world.push("flaky")

    assert (await world.push("flaky")).sent
    assert [push["repeats"] for push in await mailbox.pushes("flaky")] == [0]


async def test_the_receivers_last_word_is_a_refusal(world: World, mailbox: MailboxProcess) -> None:
    for _ in range(2):
        with pytest.raises(Refused, match="410"):
            await world.push("gone")

    assert await mailbox.pushes("gone") == []
    assert await world.states() == ("refused", "refused")


@pytest.mark.parametrize(("user_id", "message"), [("", "Hello"), ("ada\n", "Hello"), ("ada", " "), ("ada", "x" * 2001)])
async def test_what_cannot_be_a_push_is_refused(world: World, user_id: str, message: str) -> None:
    with pytest.raises(Refused, match="must"):
        await world.push(user_id, message=message)


async def test_a_receiver_that_is_away_is_an_outage(world: World, mailbox: MailboxProcess) -> None:
    await mailbox.end(signal.SIGKILL)
    with pytest.raises(PushOutageError):
        await world.push("ada")
    await mailbox.start()

    assert (await world.push("ada")).sent


OTHER = Secret(b"another secret of 32 bytes......")


@pytest.mark.parametrize(
    "secrets", [(OTHER, *read_secrets(SECRET)), (*read_secrets(SECRET), OTHER)], ids=["new first", "old first"]
)
async def test_during_a_rotation_both_signatures_are_sent(
    world: World, mailbox: MailboxProcess, secrets: tuple[Secret, ...]
) -> None:
    """A receiver that knows only one of the two believes the message."""
    pusher = WebhookPusher(f"{mailbox.url}/push", secrets, timeout_seconds=5)
    rotating = World(world.database, world.notifications._mailer, pusher)  # noqa: SLF001 - the real one is at hand

    assert (await rotating.push("ada")).sent
    await pusher.close()


async def test_an_unknown_secret_is_an_outage_that_says_what_to_look_at(world: World, mailbox: MailboxProcess) -> None:
    """A person repairs it, and the message is sent then."""
    pusher = WebhookPusher(f"{mailbox.url}/push", (OTHER,), timeout_seconds=5)
    mistaken = World(world.database, world.notifications._mailer, pusher)  # noqa: SLF001 - the real one is at hand

    with pytest.raises(PushOutageError, match="PUSH_WEBHOOK_SECRET"):
        await mistaken.push("ada")
    await pusher.close()

    assert (await world.push("ada")).sent
