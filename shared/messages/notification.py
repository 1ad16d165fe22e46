"""Messages of the notification-service."""

from datetime import datetime

from shared.messages.base import Message


class SendEmail(Message):
    """Send one e-mail. `body` is plain text; empty, the subject says it all."""

    recipient: str
    subject: str
    body: str = ""


class SendPush(Message):
    """Send one push message to a user's devices."""

    user_id: str
    message: str


class NotificationSent(Message):
    """It was handed over; `sent_at` is when, in UTC."""

    sent: bool
    sent_at: datetime
