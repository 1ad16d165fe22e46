"""The documents of the local stack's mailbox."""

from shared.web.bodies import Items, Moment, View


class MailView(View):
    """An e-mail that arrived; `source` is all of it."""

    number: int
    message_id: str
    sender: str
    recipient: str
    subject: str
    body: str
    source: str
    received_at: Moment


class PushView(View):
    """A push message that arrived, and how often it came again."""

    number: int
    webhook_id: str
    user_id: str
    message: str
    repeats: int
    received_at: Moment


class MailList(Items[MailView]):
    """`GET /messages`, the newest first."""


class PushList(Items[PushView]):
    """`GET /pushes`, the newest first."""
