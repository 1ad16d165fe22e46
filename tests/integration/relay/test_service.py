"""The relay as a process, without a sidecar."""

from event_relay.__main__ import MIGRATIONS
from shared.service.about import About
from tests.integration.conftest import ServiceDatabase
from tests.integration.service_process import running


async def test_the_process_shows_the_dead_letters_and_ends_well(service_database: ServiceDatabase) -> None:
    """It makes its own tables, says what it subscribes to, and isn't ready without a sidecar."""
    database_url = service_database("event_relay", migrations=MIGRATIONS)
    async with running("event_relay", database_url, BROKER_URL="nats://127.0.0.1:1") as relay:
        assert await relay.get("/dead-letters") == (200, {"items": [], "next_cursor": None})
        _, [subscription] = await relay.get("/dapr/subscribe")
        assert (subscription["topic"], [rule["path"] for rule in subscription["routes"]["rules"]]) == (
            "shop-dead-letters",
            ["/dapr/heartbeats", "/dapr/events"],
        )
        assert (await relay.get("/readyz"))[0] == 503
        about = About.model_validate((await relay.get("/about"))[1])
        assert (about.app_id, about.activities, about.workflows) == ("event-relay", (), ())
        assert about.revisions is not None
        assert about.revisions.applied == about.revisions.known[-1]
        assert await relay.stop() == 0
