"""Publishes events through the sidecar, many in one request; only the broker's answer confirms one."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from event_relay.outboxes import Waiting
from shared.events.event import PUBSUB, TOPIC

PUBLISH_SECONDS: Final = 10.0
"""The broker's client in the sidecar waits 5 seconds for an acknowledgement."""
CLOUD_EVENT: Final = "application/cloudevents+json"
_PUBLISHING: Final = 300


class BrokerAwayError(Exception):
    """Some or all events of a request weren't acknowledged; each may have been stored all the same."""

    def __init__(self, reason: str, failed: Sequence[Waiting], *, sidecar_answers: bool) -> None:
        super().__init__(reason)
        self.failed = failed
        self.sidecar_answers = sidecar_answers


class BulkPublisher:
    """Publishes to the topic of the events."""

    def __init__(self, session: aiohttp.ClientSession, sidecar_url: str) -> None:
        self._session = session
        self._url = f"{sidecar_url}/v1.0/publish/bulk/{PUBSUB}/{TOPIC}"

    async def publish(self, events: Sequence[Waiting]) -> None:
        """Return once the broker has stored all of them. They may arrive in any order.

        Raises:
            BrokerAwayError: with those that may be missing.
        """
        timeout = aiohttp.ClientTimeout(total=PUBLISH_SECONDS)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.post(
                self._url, data=request_body(events), headers=headers, timeout=timeout
            ) as response:
                if response.status < HTTPStatus.MULTIPLE_CHOICES:
                    return
                said = await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BrokerAwayError(f"the sidecar doesn't answer: {error!r}", events, sidecar_answers=False) from error
        raise BrokerAwayError(_reason(response.status, said), _failed(said, events), sidecar_answers=True)


def request_body(events: Sequence[Waiting]) -> bytes:
    """The bulk request; the data of the events are passed on as they stand in the outboxes."""
    # A broker with partitions keeps the order only within one (Kafka reads this key; others pass it over).
    entries = (
        f'{{"entryId":"{index}","contentType":"{CLOUD_EVENT}","metadata":{{"partitionKey":{json.dumps(event.subject)}}},'
        f'"event":{cloud_event(event)}}}'
        for index, event in enumerate(events)
    )
    return f"[{','.join(entries)}]".encode()


def cloud_event(event: Waiting) -> str:
    """The CloudEvent (`shared.events.event.CloudEvent`) as JSON."""
    envelope = {
        "specversion": "1.0",
        "id": event.id,
        "source": event.source,
        "type": event.kind,
        "subject": event.subject,
        "time": event.occurred_at.isoformat(),
        "sequence": str(event.sequence),
        "datacontenttype": "application/json",
    }
    return f'{json.dumps(envelope)[:-1]},"data":{event.data}}}'


def _failed(said: str, events: Sequence[Waiting]) -> Sequence[Waiting]:
    """The entries that the sidecar names, or all if it names none."""
    try:
        answer: Any = json.loads(said)
        failed = {int(entry["entryId"]) for entry in answer["failedEntries"]}
    except (ValueError, KeyError, TypeError):
        return events
    return [event for index, event in enumerate(events) if index in failed] or events


def _reason(status: int, said: str) -> str:
    return f"the sidecar answers {status}: {said[:_PUBLISHING]}"
