"""The e-mail of a step: the same bytes in every attempt, and no header that a request brought."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_service.mailer import MailOutageError, on_the_wire, outcome
from notification_service.message import build, mailable, message_id
from notification_service.notifications import shown
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.notification import SendEmail
from shared.web.text import is_address

pytestmark = pytest.mark.unit

KEY = StepKey("task-1", "send_email")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]


def test_every_attempt_writes_the_same_bytes() -> None:
    request = SendEmail(recipient="ada@example.com", subject="Hello", body="Hello")

    assert build(KEY, "shop@example.com", request, NOW) == build(KEY, "shop@example.com", request, NOW)


def test_keys_that_look_alike_have_different_ids() -> None:
    """`a:b` and `c` aren't `a` and `b:c`."""
    assert message_id(StepKey("a:b", "c"), "shop@example.com") != message_id(StepKey("a", "b:c"), "shop@example.com")


@given(subject=st.text(max_size=250), body=st.text(max_size=300), recipient=st.text(max_size=60))
def test_whatever_passes_the_check_brings_no_header_of_its_own(subject: str, body: str, recipient: str) -> None:
    request = SendEmail(recipient=recipient if "@" in recipient else "ada@example.com", subject=subject, body=body)
    try:
        request = mailable(request)
    except Refused:
        return
    message = message_from_bytes(build(KEY, "shop@example.com", request, NOW), policy=default)

    assert [name for name in message.keys() if name in HEADERS] == HEADERS  # noqa: SIM118 - in order, with repeats
    assert message["To"] == request.recipient
    assert set(message.keys()) - set(HEADERS) <= {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.com", True),
        ("ada.lovelace+shop@mail.example.co.uk", True),
        ("root@localhost", True),
        ("ada", False),
        ("@example.com", False),
        ("ada@", False),
        ("ada@-example.com", False),
        (".ada@example.com", False),
        ("ada@example.com\n", False),
        ("ada@example.com, eve@example.com", False),
        ("ada @example.com", False),
        ("ada@exämple.com", False),
        ("a" * 65 + "@example.com", False),
        ("ada@" + "a." * 130 + "com", False),
    ],
)
def test_an_address_is_one_bare_address(text: str, *, expected: bool) -> None:
    assert is_address(text) is expected


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\nb\r\nc\rd", b"a\r\nb\r\nc\r\nd\r\n.\r\n"),
        (b".\n..\n.a\n", b"..\r\n...\r\n..a\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
    ],
)
def test_the_message_on_the_wire_ends_once(content: bytes, wire: bytes) -> None:
    """A lone dot inside it would end it, and turn the rest into commands."""
    assert on_the_wire(content) == wire


@pytest.mark.parametrize("code", [550, 551, 552, 553, 554, 556])
def test_the_servers_last_word_is_a_refusal(code: int) -> None:
    assert isinstance(outcome(code, "no", "the recipient"), Refused)


@pytest.mark.parametrize("code", [421, 450, 451, 452, 500, 501, 502, 503, 530, 535])
def test_what_may_change_is_an_outage(code: int) -> None:
    """4xx, and complaints about the conversation, which say nothing of the recipient."""
    assert isinstance(outcome(code, "not now", "the recipient"), MailOutageError)


def test_what_is_kept_of_a_strange_recipient_can_be_shown() -> None:
    assert shown("ada\r\n\0\ud800@x") == "ada????@x"
