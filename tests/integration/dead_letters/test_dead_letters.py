"""The keeper of dead letters on a real Postgres: each is kept once, can be looked at, and replayed once."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from event_relay.__main__ import MIGRATIONS
from event_relay.dead_letter_api import dead_letter_routes
from event_relay.dead_letters import METADATA, DeadLetters
from shared.database import create_engine
from shared.events.consumer import Answer
from shared.events.dead_letters import NotPublishedError, as_cloud_event, dead_letter
from shared.events.received import open_envelope, read_event
from shared.events.views import DeadLetterView, WholeDeadLetter
from tests.integration.api import Client, client_of
from tests.integration.conftest import ServiceDatabase
from tests.integration.inbox.world import an_event
from tests.integration.schema import differences

BY = {"by": "ada"}


class Broker:
    def __init__(self) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.is_away = False

    def publisher_to(self, topic: str) -> "PublisherTo":
        return PublisherTo(self, topic)


@dataclass(frozen=True)
class PublisherTo:
    broker: Broker
    topic: str

    async def publish(self, event: dict[str, Any]) -> None:
        if self.broker.is_away:
            raise NotPublishedError("the broker is away")
        self.broker.published.append((self.topic, event))


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("event_relay", migrations=MIGRATIONS)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    database = create_engine(database_url, application_name="tests")
    yield database
    await database.dispose()


@pytest.fixture
def letters(database: AsyncEngine) -> DeadLetters:
    return DeadLetters(database)


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def client(letters: DeadLetters, broker: Broker) -> AsyncIterator[Client]:
    async with client_of(dead_letter_routes(letters, broker.publisher_to)) as client:
        yield client


def a_letter(body: bytes | None = None, *, consumer: str = "notification-service", deaths: int = 0) -> bytes:
    """The body of a delivery of a dead letter."""
    envelope = open_envelope(an_event(1) if body is None else body)
    letter = dead_letter(envelope, consumer=consumer, topic="shop-events", reason="no", attempts=1, deaths=deaths)
    return json.dumps(as_cloud_event(letter)).encode()


async def listed(client: Client) -> list[DeadLetterView]:
    page = await (await client.get("/dead-letters")).json()
    return [DeadLetterView.model_validate(one) for one in page["items"]]


async def test_the_table_is_as_described(database_url: str) -> None:
    assert [] == await differences(database_url, METADATA)


async def test_a_letter_that_comes_again_is_one_letter(letters: DeadLetters, client: Client) -> None:
    assert [Answer.SUCCESS] * 2 == [await letters.take(a_letter()) for _ in range(2)]

    (letter,) = await listed(client)
    shown = letter.model_dump(include={"consumer", "event_id", "type", "subject", "reason", "replayed_at"})
    assert {
        "consumer": "notification-service",
        "event_id": "ord-1-1",
        "type": "order.completed",
        "subject": "ord-1",
        "reason": "no",
        "replayed_at": None,
    } == shown


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 60_000])
async def test_what_is_no_letter_is_let_go(letters: DeadLetters, client: Client, body: bytes) -> None:
    """There is no further place for it, and it would come for ever."""
    assert Answer.SUCCESS is await letters.take(body)
    assert [] == await listed(client)


async def test_each_consumers_and_each_deaths_letter_is_kept(letters: DeadLetters, client: Client) -> None:
    for body in (a_letter(), a_letter(consumer="audit-service"), a_letter(deaths=1)):
        await letters.take(body)

    assert 3 == len(await listed(client))


async def test_a_replay_is_published_once_for_its_consumer_and_names_who_wanted_it(
    letters: DeadLetters, broker: Broker, client: Client
) -> None:
    """To the topic that the event came from, without what Dapr added, as an event that only its consumer takes."""
    await letters.take(a_letter())
    name = (await listed(client))[0].dead_letter_id

    first = await client.post(f"/dead-letters/{name}/replay", json=BY)
    again = await client.post(f"/dead-letters/{name}/replay", json={"by": "someone else"})

    assert (200, 200) == (first.status, again.status)
    assert await first.json() == await again.json()
    assert "ada" == DeadLetterView.model_validate(await again.json()).replay_requested_by
    ((topic, event),) = broker.published
    assert "shop-events" == topic
    assert ("notification-service", "ord-1-1", f"replay-of-{name}") == (
        event["replayfor"],
        event["replayof"],
        event["id"],
    )
    assert not {"topic", "pubsubname"} & event.keys()
    again_read = read_event(open_envelope(json.dumps(event).encode()))
    assert ("ord-1-1", 1, True) == (again_read.id, again_read.sequence, again_read.is_replay)


async def test_a_replay_that_cannot_be_published_can_be_asked_for_again(
    letters: DeadLetters, broker: Broker, client: Client
) -> None:
    """Who wanted it is on the record, and both attempts would be one event."""
    await letters.take(a_letter())
    name = (await listed(client))[0].dead_letter_id
    broker.is_away = True
    failed = await client.post(f"/dead-letters/{name}/replay", json=BY)
    assert (503, None) == (failed.status, (await listed(client))[0].replayed_at)

    broker.is_away = False

    assert 200 == (await client.post(f"/dead-letters/{name}/replay", json={"by": "bob"})).status
    assert "ada" == (await listed(client))[0].replay_requested_by


async def test_what_was_no_event_can_be_looked_at_but_not_replayed(letters: DeadLetters, client: Client) -> None:
    await letters.take(a_letter(b"\x00 not json"))
    name = (await listed(client))[0].dead_letter_id

    shown = WholeDeadLetter.model_validate(await (await client.get(f"/dead-letters/{name}")).json())
    refused = await client.post(f"/dead-letters/{name}/replay", json=BY)

    assert (None, "\N{REPLACEMENT CHARACTER} not json") == (shown.event, shown.body)
    assert 409 == refused.status


async def test_an_event_with_characters_that_postgres_cannot_store_is_kept_as_it_came(
    letters: DeadLetters, client: Client
) -> None:
    await letters.take(a_letter(an_event(1, note="\0 \ud800")))
    name = (await listed(client))[0].dead_letter_id

    shown = WholeDeadLetter.model_validate(await (await client.get(f"/dead-letters/{name}")).json())

    assert "\0 \ud800" == (shown.event or {})["note"]


async def test_a_body_that_is_no_letter_does_not_come_for_ever(letters: DeadLetters, client: Client) -> None:
    assert [Answer.SUCCESS] * 3 == [await letters.take(body) for body in (b"nonsense", b"[]", b'{"data": {}}')]
    assert [] == await listed(client)


async def test_while_the_database_is_away_the_broker_keeps_the_letter() -> None:
    database = create_engine("postgresql://nobody@127.0.0.1:1/nothing", application_name="tests")
    try:
        assert Answer.RETRY == await DeadLetters(database).take(a_letter())
    finally:
        await database.dispose()


@pytest.mark.parametrize(
    "asked",
    [
        ("/dead-letters/dead-unknown/replay", BY, 404),
        ("/dead-letters/%00/replay", BY, 404),
        ("KNOWN", {}, 422),
        ("KNOWN", {"by": " "}, 422),
        ("KNOWN", {"by": "ada", "more": 1}, 422),
    ],
)
async def test_bad_input_gets_a_sentence_and_replays_nothing(
    letters: DeadLetters, broker: Broker, client: Client, asked: tuple[str, dict[str, object], int]
) -> None:
    path, body, status = asked
    await letters.take(a_letter())
    name = (await listed(client))[0].dead_letter_id
    path = f"/dead-letters/{name}/replay" if path == "KNOWN" else path

    answer = await client.post(path, json=body)

    assert status == answer.status
    assert (await answer.json())["detail"]
    assert [] == broker.published


async def test_a_cursor_that_is_none_gets_a_sentence(client: Client) -> None:
    assert 422 == (await client.get("/dead-letters?cursor=nonsense")).status


async def test_the_list_goes_on_where_its_page_ended(letters: DeadLetters, client: Client) -> None:
    for deaths in range(201):
        await letters.take(a_letter(deaths=deaths))
    first = await (await client.get("/dead-letters")).json()
    second = await (await client.get("/dead-letters", params={"cursor": first["next_cursor"]})).json()

    assert (200, 1, None) == (len(first["items"]), len(second["items"]), second["next_cursor"])
    assert 201 == len({one["dead_letter_id"] for one in first["items"] + second["items"]})
