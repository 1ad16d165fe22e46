"""Messages and documents of the notification-service."""

from datetime import datetime
from typing import Final

from shared.contracts.app import App
from shared.contracts.contract import DO, TASK_SECONDS, Contract
from shared.contracts.message import Message
from shared.shop.groups import TASKS
from shared.web.bodies import Items, Moment, View

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


class NotificationRecord(View):
    """Who was notified of what; without the message."""

    saga_id: str
    step: str
    medium: str
    recipient: str
    subject: str | None
    status: str
    attempts: int
    detail: str | None
    created_at: Moment
    sent_at: Moment | None


class NotificationList(Items[NotificationRecord]):
    """`GET /notifications`, oldest first."""


SEND_EMAIL: Final = Contract(NOTIFICATION_SERVICE, "send_email", SendEmail, NotificationSent, DO, TASK_SECONDS)
SEND_PUSH: Final = Contract(NOTIFICATION_SERVICE, "send_push", SendPush, NotificationSent, DO, TASK_SECONDS)

NOTIFICATION: Final = App(
    app_id=NOTIFICATION_SERVICE, group=TASKS, contracts=(SEND_EMAIL, SEND_PUSH), takes_events=True
)
