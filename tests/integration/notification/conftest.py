"""A fresh notification-service and mailbox for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.database import create_engine
from tests.integration.conftest import ServiceDatabase
from tests.integration.notification.world import MailboxProcess, World, a_mailer, a_pusher, running_mailbox


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("notification_service")


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[MailboxProcess]:
    async with running_mailbox(tmp_path) as mailbox:
        yield mailbox


@pytest.fixture
async def world(database_url: str, mailbox: MailboxProcess) -> AsyncIterator[World]:
    database = create_engine(database_url, application_name="tests", pool_size=10)
    pusher = a_pusher(mailbox.url)
    yield World(database, a_mailer(mailbox.smtp_url), pusher)
    await pusher.close()
    await database.dispose()
