"""The notification-service as a whole: its settings, its contracts, its HTTP surface and its process."""

from collections.abc import AsyncIterator

import pytest

from notification_service.__main__ import compose
from notification_service.api import notification_routes
from notification_service.settings import NotificationSettings
from notification_service.tables import METADATA
from shared.participant.errors import Refused
from shared.service.settings import load
from shared.shop.notification import NOTIFICATION, NotificationList
from tests.integration.api import Client, client_of
from tests.integration.notification.world import SECRET, World
from tests.integration.schema import differences
from tests.integration.service_process import running


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with client_of(notification_routes(world.database)) as client:
        yield client


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("SMTP_URL", "smtp://127.0.0.1:1")
    environment.setenv("BROKER_URL", "nats://127.0.0.1:1")
    environment.setenv("PUSH_WEBHOOK_URL", "http://127.0.0.1:1")
    environment.setenv("PUSH_WEBHOOK_SECRET", SECRET)
    return environment


@pytest.mark.usefixtures("environment")
def test_every_contract_is_served_and_nothing_else() -> None:
    activities = compose(load(NotificationSettings)).activities

    assert activities.names == {contract.activity for contract in NOTIFICATION.contracts}
    assert activities.names == {"send_email", "send_push"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "http://ada:hush@mail.example.com"),
        ("MAIL_FROM", "The Shop <shop@example.com>"),
        ("PUSH_WEBHOOK_URL", "push.example.com"),
        ("PUSH_WEBHOOK_SECRET", "whsec_hush"),
        ("SMTP_TIMEOUT_SECONDS", "60"),
    ],
)
def test_senseless_settings_stop_the_start(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Named, and without what must stay secret."""
    environment.setenv(name, value)

    with pytest.raises(SystemExit, match=name) as stopped:
        load(NotificationSettings)

    assert "hush" not in str(stopped.value)


async def test_who_was_notified_of_what(client: Client, world: World) -> None:
    """Without the messages."""
    await world.email("ada@example.com", body="Dear Ada, about your illness")
    await world.push("ada", message="a secret")
    with pytest.raises(Refused):
        await world.email("bounce@example.com", "task-2")

    async with client.get("/notifications", params={"saga_id": "task-1"}) as response:
        text = await response.text()
    email, push = NotificationList.model_validate_json(text).items
    assert (email.medium, email.recipient, email.subject) == ("email", "ada@example.com", "Task Assigned")
    assert (push.medium, push.recipient, push.status) == ("push", "ada", "sent")
    assert "illness" not in text
    assert "secret" not in text
    async with client.get("/notifications", params={"saga_id": "task-2"}) as response:
        (bounced,) = NotificationList.model_validate(await response.json()).items
    assert (bounced.status, bounced.sent_at) == ("refused", None)
    assert "550" in str(bounced.detail)


@pytest.mark.parametrize("query", ["", "?saga_id=", "?saga_id=%00", "?saga_id=a&limit=1"])
async def test_a_senseless_question_gets_a_sentence(client: Client, query: str) -> None:
    async with client.get(f"/notifications{query}") as response:
        problem = await response.json()

    assert (response.status, problem["detail"][:10]) == (400, "Say whose:")


async def test_the_tables_are_those_of_the_revisions(database_url: str) -> None:
    assert await differences(database_url, METADATA) == []


async def test_the_process_lives_and_drains(database_url: str) -> None:
    """Alive without a sidecar, not ready, and ended well by SIGTERM."""
    ways_out = {
        "SMTP_URL": "smtp://127.0.0.1:1",
        "BROKER_URL": "nats://127.0.0.1:1",
        "PUSH_WEBHOOK_URL": "http://127.0.0.1:1",
        "PUSH_WEBHOOK_SECRET": SECRET,
    }
    async with running("notification_service", database_url, **ways_out) as service:
        status, problem = await service.get("/readyz")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        assert await service.stop() == 0
