"""Composes the notification-service and runs it: `python -m notification_service`."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from notification_service import order_mails
from notification_service.activities import serve_notifications
from notification_service.api import notification_routes
from notification_service.mailer import SmtpMailer
from notification_service.notifications import AT_ONCE, Notifications
from notification_service.order_mails import HANDLERS, OrderMails
from notification_service.pusher import WebhookPusher
from notification_service.settings import NotificationSettings
from notification_service.store import NotificationStore
from shared.database import create_engine
from shared.events.consuming import consuming
from shared.events.dead_letters import SidecarPublisher
from shared.events.event import DEAD_LETTER_TOPIC
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.participant.fence import Fence
from shared.participant.quarantine import Gate
from shared.service.lifecycle import Stop, running
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.notification import NOTIFICATION, NOTIFICATION_SERVICE
from shared.shop.registry import SHOP

MIGRATIONS: Final = Path(__file__).parent / "migrations"
MAIL_CONNECTIONS: Final = 2 * order_mails.AT_ONCE


def compose(settings: NotificationSettings) -> Service:
    """The notification-service, ready to run."""
    url = settings.service_database_url
    # A message under way holds one connection for its lock and uses another for its record.
    worker_database = create_engine(url, application_name=f"{NOTIFICATION_SERVICE} worker", pool_size=AT_ONCE)
    http_database = create_engine(url, application_name=f"{NOTIFICATION_SERVICE} http", pool_size=2)
    host = ActivityHost(
        NOTIFICATION_SERVICE,
        fence=Fence(worker_database),
        injector=FaultInjector(worker_database) if settings.shop_mode.allows_faults else None,
    )
    mailer = SmtpMailer(
        settings.smtp_server,
        timeout_seconds=settings.smtp_timeout_seconds,
        answer_seconds=settings.smtp_answer_seconds,
    )
    push_gateway = WebhookPusher(
        settings.push_webhook_url, settings.webhook_secrets, timeout_seconds=settings.push_timeout_seconds
    )
    store = NotificationStore(worker_database)
    serve_notifications(host, Notifications(store, mailer, push_gateway, settings.mail_from))
    # Deliveries need a few; mails under way two each, opened when they are needed.
    event_database = create_engine(
        url, application_name=f"{NOTIFICATION_SERVICE} events", pool_size=4, overflow=MAIL_CONNECTIONS
    )
    order_notifications = Notifications(
        NotificationStore(event_database), mailer, push_gateway, settings.mail_from, at_once=order_mails.AT_ONCE
    )

    @contextlib.asynccontextmanager
    async def surface(stop: Stop) -> AsyncIterator[Sequence[web.RouteDef]]:
        async with _surface(stop, settings, event_database, order_notifications, host.gate) as routes:
            yield routes

    return Service(
        app=NOTIFICATION,
        settings=settings,
        migrations=MIGRATIONS,
        database=http_database,
        activities=host,
        routes=notification_routes(http_database),
        surface=surface,
    )


@contextlib.asynccontextmanager
async def _surface(
    stop: Stop, settings: NotificationSettings, database: AsyncEngine, notifications: Notifications, gate: Gate
) -> AsyncIterator[Sequence[web.RouteDef]]:
    async with aiohttp.ClientSession() as session:
        publisher = SidecarPublisher(session, settings.sidecar_url, DEAD_LETTER_TOPIC)
        patience = timedelta(seconds=settings.mail_patience_seconds)
        mails = OrderMails(database, notifications, publisher, patience=patience, gate=gate)
        consumer = consuming(
            NOTIFICATION_SERVICE,
            settings,
            database,
            HANDLERS,
            stop,
            sources=SHOP.sources,
            ordered=True,
            gate=gate,
        )
        async with consumer as routes, running(stop, mails.run()):
            yield routes
        await mails.close()


if __name__ == "__main__":
    run(compose(load(NotificationSettings)))
