"""Messages of the notification-service."""

from datetime import datetime
from typing import Final

from shared.contracts.app import App
from shared.contracts.contract import DO, TASK_SECONDS, Contract
from shared.contracts.message import Message
from shared.shop.groups import TASKS

NOTIFICATION_SERVICE: Final = "notification-service"


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


SEND_EMAIL: Final = Contract(NOTIFICATION_SERVICE, "send_email", SendEmail, NotificationSent, DO, TASK_SECONDS)
SEND_PUSH: Final = Contract(NOTIFICATION_SERVICE, "send_push", SendPush, NotificationSent, DO, TASK_SECONDS)

NOTIFICATION: Final = App(
    app_id=NOTIFICATION_SERVICE, group=TASKS, contracts=(SEND_EMAIL, SEND_PUSH), takes_events=True
)
