"""E-mail through a real SMTP server that behaves as its recipients say."""

import asyncio
import signal
from email import message_from_string

import pytest
from aiosmtpd.smtp import SMTP

from notification_service.mailer import MailOutageError
from notification_service.tables import Medium
from shared.database import create_engine
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from tests.integration.notification.world import (
    EMAIL_STEP,
    SENDER,
    SLOW_SECONDS,
    MailboxProcess,
    World,
    a_mailer,
    a_pusher,
)


async def test_an_email_arrives_as_it_was_written(world: World, mailbox: MailboxProcess) -> None:
    """Also what mail servers like to break: leading dots, other scripts, long lines."""
    body = ".\n..two dots\nZażółć gęślą jaźń\n" + "x" * 2000 + "\nend"
    await world.email("ada@example.com", subject="Aufgabe für Sie — Ä", body=body)

    (mail,) = await mailbox.mails("ada@example.com")
    assert (mail["sender"], mail["subject"]) == (SENDER, "Aufgabe für Sie — Ä")
    assert mail["body"].rstrip("\n") == body
    assert message_from_string(mail["source"])["Auto-Submitted"] == "auto-generated"


async def test_a_repeat_sends_nothing_and_gets_the_first_answer(world: World, mailbox: MailboxProcess) -> None:
    first = await world.email("ada@example.com")

    assert await world.email("ada@example.com") == first
    assert len(await mailbox.mails("ada@example.com")) == 1


async def test_two_steps_have_two_message_ids_and_a_step_has_one(world: World, mailbox: MailboxProcess) -> None:
    """A receiver can tell a duplicate by it."""
    for saga_id in ("task-1", "task-2"):
        await world.email("ada@example.com", saga_id)

    ids = {mail["message_id"] for mail in await mailbox.mails("ada@example.com")}
    assert len(ids) == 2
    assert all(one.endswith("@saga-shop.example>") for one in ids)


async def test_twenty_duplicates_at_once_send_one_email(world: World, mailbox: MailboxProcess) -> None:
    """Those that wait for the sender get its answer: none of them takes it for dead."""
    answers = await asyncio.gather(*(world.email("slow@example.com") for _ in range(20)))

    assert len({answer.sent_at for answer in answers}) == 1
    assert len(await mailbox.mails("slow@example.com")) == 1


@pytest.mark.parametrize("recipient", ["bounce@example.com", "toobig@example.com"])
async def test_the_servers_last_word_is_a_refusal(world: World, mailbox: MailboxProcess, recipient: str) -> None:
    """It is remembered: a late duplicate sends nothing either."""
    for _ in range(2):
        with pytest.raises(Refused, match="the mail server refuses"):
            await world.email(recipient)

    assert await mailbox.mails(recipient) == []
    assert await world.states() == ("refused", "refused")


@pytest.mark.parametrize(("recipient", "failures"), [("greylist@example.com", 2), ("tempfail@example.com", 1)])
async def test_a_server_that_says_not_now_is_asked_again(
    world: World, mailbox: MailboxProcess, recipient: str, failures: int
) -> None:
    """Before the message or after it: its 4xx says that it didn't take it, so nothing is sent twice."""
    for _ in range(failures):
        with pytest.raises(MailOutageError, match="doesn't take"):
            await world.email(recipient)
        assert await world.states() == ("pending", "pending")

    assert (await world.email(recipient)).sent
    assert len(await mailbox.mails(recipient)) == 1


@pytest.mark.parametrize(("recipient", "arrived"), [("drop@example.com", 1), ("lose@example.com", 0)])
async def test_a_server_that_hangs_up_after_the_message_is_not_asked_again(
    world: World, mailbox: MailboxProcess, recipient: str, arrived: int
) -> None:
    """Whether it took the message can't be seen from here; at most once wins."""
    for _ in range(2):
        with pytest.raises(Refused, match="unknown whether the e-mail left"):
            await world.email(recipient)

    assert len(await mailbox.mails(recipient)) == arrived
    assert await world.states() == ("refused", "unknown")


async def test_an_answer_that_takes_too_long_leaves_it_unknown(
    world: World, mailbox: MailboxProcess, database_url: str
) -> None:
    """The wait is bounded."""
    database = create_engine(database_url, application_name="impatient")
    impatient = World(database, a_mailer(mailbox.smtp_url, answer_seconds=SLOW_SECONDS / 5), a_pusher(mailbox.url))

    with pytest.raises(Refused, match="unknown whether the e-mail left"):
        await impatient.email("slow@example.com")

    assert await world.states() == ("refused", "unknown")
    await database.dispose()


async def test_a_server_that_is_away_is_an_outage(world: World, mailbox: MailboxProcess) -> None:
    """The e-mail is sent when it is back."""
    await mailbox.end(signal.SIGKILL)
    with pytest.raises(MailOutageError, match="no mail server"):
        await world.email("ada@example.com")
    await mailbox.start()

    assert (await world.email("ada@example.com")).sent
    assert len(await mailbox.mails("ada@example.com")) == 1


async def test_a_domain_beyond_ascii_is_mailed_in_ascii(world: World, mailbox: MailboxProcess) -> None:
    """IDNA: every relay takes that."""
    assert (await world.email("ada@bücher.example")).sent

    (mail,) = await mailbox.mails("ada@xn--bcher-kva.example")
    assert message_from_string(mail["source"])["To"] == "ada@xn--bcher-kva.example"


async def test_letters_before_the_at_are_mailed_where_the_server_takes_them(
    world: World, mailbox: MailboxProcess
) -> None:
    assert (await world.email("jürgen@bücher.example")).sent

    (mail,) = await mailbox.mails("jürgen@xn--bcher-kva.example")
    assert "To: jürgen@xn--bcher-kva.example" in mail["source"]


async def test_letters_before_the_at_are_refused_where_it_does_not(world: World, database_url: str) -> None:
    """For good: another attempt would meet the same server."""

    def session() -> SMTP:
        return SMTP(object(), enable_SMTPUTF8=False, loop=asyncio.get_running_loop())

    database = create_engine(database_url, application_name="ascii only")
    async with await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        other = World(database, a_mailer(f"smtp://127.0.0.1:{port}"), a_pusher("http://127.0.0.1:1"))
        with pytest.raises(Refused, match="takes no address with letters beyond ASCII before the @"):
            await other.email("jürgen@example.org")
    await database.dispose()
    assert await world.states() == ("refused", "refused")


async def test_a_server_that_never_speaks_is_given_up_in_time(world: World, database_url: str) -> None:
    """A connection that hangs before the message is an outage, after the time that was set."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    database = create_engine(database_url, application_name="impatient")
    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        mailer = a_mailer(f"smtp://127.0.0.1:{port}", timeout_seconds=0.3)
        with pytest.raises(MailOutageError):
            await asyncio.wait_for(World(database, mailer, a_pusher("http://127.0.0.1:1")).email("ada@example.com"), 5)
    await database.dispose()
    assert await world.states() == ("pending", "pending")


@pytest.mark.parametrize(
    ("recipient", "subject"),
    [
        ("ada@example.com\r\nBcc: eve@example.com", "Hello"),
        ("ada@example.com,eve@example.com", "Hello"),
        ("Ada <ada@example.com>", "Hello"),
        ("ada", "Hello"),
        ("ada@example.com", "Hello\r\nBcc: eve@example.com"),
        ("ada@example.com", "Hello\0"),
        ("ada@example.com", " "),
    ],
)
async def test_what_cannot_be_an_email_is_refused(
    world: World, mailbox: MailboxProcess, recipient: str, subject: str
) -> None:
    """No line of a request becomes a header, and nobody else gets the e-mail."""
    with pytest.raises(Refused):
        await world.email(recipient, subject=subject)

    assert (await mailbox.get("/messages"))[1]["items"] == []
    assert await world.states() == ("refused", "refused")


async def test_a_late_word_of_a_sender_taken_for_dead_corrects_the_record(world: World) -> None:
    """The saga keeps the answer that it got; who looks later sees what happened."""
    key = StepKey("task-1", EMAIL_STEP)
    await world.store.begin(key, Medium.EMAIL, "ada@example.com")
    await world.store.leave(key, "attempt-1")
    with pytest.raises(Refused):
        await world.email("ada@example.com")

    with pytest.raises(Refused, match="unknown"):
        await world.store.sent(key)

    assert await world.states() == ("refused", "sent")
