"""Dead letters: what a consumer can't take, published by the consumer itself with the reason.

Not by Dapr's `deadLetterTopic`: with it, whatever couldn't be delivered goes there at once, also while the app is only
down, and events of a subject would overtake each other.
"""

import hashlib
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import quote

import aiohttp

from shared.contracts.message import Message
from shared.events.event import PUBSUB, CloudEvent
from shared.events.received import Envelope

DEAD_LETTER_TYPE: Final = "shop.dead_letter"
PUBLISH_SECONDS: Final = 10.0
CLOUD_EVENT: Final = {"Content-Type": "application/cloudevents+json"}


class NotPublishedError(Exception):
    """The sidecar or the broker didn't take the event; it may have been stored all the same."""


class SidecarAwayError(NotPublishedError):
    """The sidecar itself didn't answer."""


class DeadLetter(Message):
    """An event that a consumer gave up on."""

    dead_letter_id: str
    """The same for the same death, however often it is reported."""
    consumer: str
    topic: str
    event_id: str
    subject: str
    reason: str
    attempts: int
    event: dict[str, Any] | None
    """None if it was no JSON object."""
    body: str | None
    """As it came, if it was no JSON object."""
    died_at: datetime


def dead_letter(  # noqa: PLR0913 - a dead letter has these fields
    envelope: Envelope, *, consumer: str, topic: str, reason: str, attempts: int, deaths: int
) -> DeadLetter:
    """The dead letter of this failure, the next after `deaths` earlier ones of the event at this consumer."""
    name = hashlib.sha256(f"{consumer} {envelope.id} {deaths}".encode()).hexdigest()[:20]
    return DeadLetter(
        dead_letter_id=f"dead-{name}",
        consumer=consumer,
        topic=topic,
        event_id=envelope.id,
        subject=envelope.subject,
        reason=reason,
        attempts=attempts,
        event=envelope.event,
        body=None if envelope.event is not None else envelope.text,
        died_at=datetime.now(UTC),
    )


def as_cloud_event(letter: DeadLetter) -> dict[str, Any]:
    """The CloudEvent that brings it to whoever keeps the dead letters."""
    event = CloudEvent(
        id=letter.dead_letter_id,
        source=f"/{letter.consumer}",
        type=DEAD_LETTER_TYPE,
        subject=letter.subject or letter.event_id,
        time=letter.died_at,
        sequence="1",
        data=letter.model_dump(mode="json"),
    )
    return event.model_dump(mode="json")


class Publishes(Protocol):
    """Publishes to a topic."""

    async def publish(self, event: dict[str, Any]) -> None:
        """Raises NotPublishedError."""


class SidecarPublisher:
    """Publishes to one topic, through the sidecar of this app."""

    def __init__(self, session: aiohttp.ClientSession, sidecar_url: str, topic: str) -> None:
        self._session = session
        self._url = f"{sidecar_url}/v1.0/publish/{PUBSUB}/{quote(topic, safe='')}"

    async def publish(self, event: dict[str, Any]) -> None:
        """Return once the broker has stored the event.

        Raises:
            NotPublishedError: it may have been stored, or not.
        """
        timeout = aiohttp.ClientTimeout(total=PUBLISH_SECONDS)
        try:
            async with self._session.post(self._url, json=event, headers=CLOUD_EVENT, timeout=timeout) as response:
                if response.status >= HTTPStatus.MULTIPLE_CHOICES:
                    raise NotPublishedError(f"the sidecar answers {response.status}: {(await response.text())[:300]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SidecarAwayError(f"the sidecar doesn't answer: {error!r}") from error
