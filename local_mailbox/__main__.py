"""Composes the mailbox and runs it until SIGTERM: `python -m local_mailbox`."""

import asyncio
from typing import Final

import structlog
from aiohttp import web

from local_mailbox.api import mailbox_routes
from local_mailbox.settings import MailboxSettings
from local_mailbox.smtp import MailHandler, listen
from local_mailbox.store import MailboxStore
from shared.service.lifecycle import configure_logs, stop_signal
from shared.service.settings import load
from shared.web.http import application, serve_until

NAME: Final = "mailbox"
SHUTDOWN_SECONDS: Final = 2.0

log = structlog.get_logger()


async def serve(settings: MailboxSettings) -> None:
    """Serve SMTP and HTTP until SIGTERM or SIGINT."""
    stop = stop_signal()
    settings.mailbox_file.parent.mkdir(parents=True, exist_ok=True)
    store = MailboxStore(settings.mailbox_file, keeps=settings.mailbox_keeps)
    slow_seconds = settings.mailbox_slow_seconds
    handler = MailHandler(store, slow_seconds=slow_seconds)
    smtp = await listen(handler, settings.service_http_host, settings.mailbox_smtp_port)

    async def readiness() -> str | None:
        return None  # HTTP is served after SMTP

    async def close_smtp(_: web.Application) -> None:
        smtp.close()

    app = application(readiness)
    app.on_shutdown.append(close_smtp)
    app.router.add_routes(mailbox_routes(store, settings.webhook_secrets, slow_seconds=slow_seconds))
    place = (settings.service_http_host, settings.service_http_port)
    try:
        await serve_until(stop, app, place, shutdown_seconds=SHUTDOWN_SECONDS)
    finally:
        store.close()
    log.info("stopped", app_id=NAME)


def main() -> None:
    """Run the mailbox."""
    settings = load(MailboxSettings)
    configure_logs(NAME)
    asyncio.run(serve(settings))


if __name__ == "__main__":
    main()
