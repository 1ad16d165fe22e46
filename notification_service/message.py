"""Makes the e-mail of a step: nothing of a request becomes a header line of its own."""

import hashlib
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Final

from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.notification import SendEmail
from shared.web.mail_address import mail_form
from shared.web.text import refused_character

MAX_SUBJECT_LENGTH: Final = 200
MAX_BODY_LENGTH: Final = 100_000


def mailable(request: SendEmail) -> SendEmail:
    """The request with its recipient as a mail server gets it.

    Raises:
        Refused: with what to correct.
    """
    recipient = mail_form(request.recipient, takes_utf8=True)  # whether this server does, the mailer finds out
    if recipient is None:
        raise Refused(
            f"{request.recipient[:80]!a} is no e-mail address: give one bare address, such as ada@example.com"
        )
    unprintable = refused_character(request.subject) is not None
    if not request.subject.strip() or unprintable or len(request.subject) > MAX_SUBJECT_LENGTH:
        raise Refused(f"the subject must be one line of 1 to {MAX_SUBJECT_LENGTH} printable characters")
    if len(request.body) > MAX_BODY_LENGTH or not _is_text(request.subject + request.body):
        raise Refused(f"the body must be plain text of at most {MAX_BODY_LENGTH} characters")
    return request.model_copy(update={"recipient": recipient})


def key_digest(key: StepKey) -> str:
    """A name of the step that is the same in every attempt and fits into any header."""
    return hashlib.sha256(f"{len(key.saga_id)}:{key}".encode()).hexdigest()[:32]


def message_id(key: StepKey, sender: str) -> str:
    """The Message-ID of the step's e-mail: the same in every attempt, so that a receiver can tell a duplicate."""
    return f"<{key_digest(key)}@{sender.rpartition('@')[2]}>"


def build(key: StepKey, sender: str, request: SendEmail, written_at: datetime) -> bytes:
    """The e-mail as it goes over the wire, the same bytes in every attempt. The request must be `mailable`."""
    message = EmailMessage(policy=SMTP if request.recipient.isascii() else SMTPUTF8)
    message["From"] = sender
    message["To"] = request.recipient
    message["Subject"] = request.subject
    message["Date"] = format_datetime(written_at)
    message["Message-ID"] = message_id(key, sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    # Base64 or quoted-printable, so that every relay takes it, whatever it can do.
    message.set_content(request.body, cte="quoted-printable")
    return message.as_bytes()


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return False
    return "\0" not in text
