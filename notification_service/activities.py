"""The notification activities: one closure per contract."""

from notification_service.notifications import Notifications
from shared.participant.activities import ActivityHost, Call
from shared.shop.notification import SEND_EMAIL, SEND_PUSH, NotificationSent, SendEmail, SendPush


def serve_notifications(host: ActivityHost, notifications: Notifications) -> None:
    """Serve the notification contracts."""

    async def send_email(call: Call[SendEmail]) -> NotificationSent:
        return await notifications.email(call.key, call.request)

    async def send_push(call: Call[SendPush]) -> NotificationSent:
        return await notifications.push(call.key, call.request)

    host.serve(SEND_EMAIL, send_email)
    host.serve(SEND_PUSH, send_push)
