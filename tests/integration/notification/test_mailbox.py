"""The mailbox as a process: it keeps what it got, is bounded, and shows it without trusting it."""

import signal
import time
from pathlib import Path

import aiohttp
import pytest

from shared.webhooks import read_secrets, signed_headers
from tests.integration.notification.world import SECRET, MailboxProcess, World, a_mailer, running_mailbox


async def test_what_arrived_survives_a_kill(world: World, mailbox: MailboxProcess) -> None:
    await world.email("ada@example.com")
    await world.push("ada", "task-2")
    await mailbox.end(signal.SIGKILL)
    await mailbox.start()

    assert len(await mailbox.mails("ada@example.com")) == 1
    assert len(await mailbox.pushes("ada")) == 1


async def test_a_long_subject_is_shown_as_it_was_written(world: World, mailbox: MailboxProcess) -> None:
    """It travels folded."""
    subject = f"Your order ord-{'0' * 32} could not be completed"
    await world.email("ada@example.com", subject=subject)

    assert [mail["subject"] for mail in await mailbox.mails("ada@example.com")] == [subject]


async def test_the_oldest_go_when_it_is_full(tmp_path: Path) -> None:
    async def nothing() -> None:
        return None

    async with running_mailbox(tmp_path, MAILBOX_KEEPS="2") as mailbox:
        for number in range(4):
            content = f"Subject: {number}\r\n\r\nHello\r\n".encode()
            await a_mailer(mailbox.smtp_url).send("shop@example.com", "ada@example.com", content, nothing)

        assert [mail["subject"] for mail in await mailbox.mails("ada@example.com")] == ["3", "2"]


async def test_the_page_shows_what_arrived_as_text_only(world: World, mailbox: MailboxProcess) -> None:
    """What others wrote is no markup, and the page loads nothing."""
    await world.email("ada@example.com", subject="<script>alert(1)</script>")
    async with aiohttp.ClientSession() as session, session.get(mailbox.url) as response:
        page, policy = await response.text(), response.headers["Content-Security-Policy"]

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert policy.startswith("default-src 'none'")


async def test_an_unsigned_webhook_is_turned_away(mailbox: MailboxProcess) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{mailbox.url}/push", json={}) as response:
        problem = await response.json(content_type=None)

    assert response.status == 401
    assert "webhook-signature" in problem["detail"]
    assert (await mailbox.get("/pushes"))[1]["items"] == []


@pytest.mark.parametrize("body", [b"{", b"{}", b"[" * 60_000])
async def test_a_signed_push_that_is_none_is_refused(mailbox: MailboxProcess, body: bytes) -> None:
    headers = signed_headers(read_secrets(SECRET), "push-1", int(time.time()), body)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{mailbox.url}/push", data=body, headers=headers) as response,
    ):
        problem = await response.json(content_type=None)

    assert (422, "The body must be a push event.") == (response.status, problem["detail"])


async def test_a_senseless_question_gets_a_sentence(mailbox: MailboxProcess) -> None:
    for query in ({"limit": "0"}, {"limit": "many"}, {"who": "ada"}, {"recipient": "x" * 400}):
        status, problem = await mailbox.get("/messages", **query)
        assert (status, problem["title"]) == (422, "Unprocessable Entity")


async def test_it_ends_well(mailbox: MailboxProcess) -> None:
    assert await mailbox.end() == 0
