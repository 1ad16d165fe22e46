"""Publishes events through the sidecar, many in one request; only the broker's answer confirms one.

The broker's client inside the sidecar tries to reconnect for about two minutes (nats.go: sixty attempts, two seconds
apart, and the Dapr component has no setting for it) and then never again: every publish fails, though the broker is
back. Then the relay asks its sidecar to end; whoever supervises it starts a new one.
"""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import structlog
from prometheus_client import Counter

from event_relay.outboxes import Waiting
from shared.events.event import PUBSUB, TOPIC

PUBLISH_SECONDS: Final = 10.0
"""The broker's client in the sidecar waits 5 seconds for an acknowledgement."""
CLOUD_EVENT: Final = "application/cloudevents+json"
_PUBLISHING: Final = 300

PATIENCE_SECONDS: Final = 15.0
"""So long publishing may fail though the broker takes connections: longer than the client's pause between two attempts,
and than a broker with much data takes from its first connection to its first acknowledgement."""

log = structlog.get_logger()

RESTARTS: Final = Counter("shop_relay_sidecar_restarts", "Sidecars that were asked to end since they had given up")


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


class Trouble:
    """Receives how publishing goes, and ends the sidecar when that is what helps."""

    def __init__(
        self,
        *,
        broker_answers: Callable[[], Awaitable[bool]],
        end_sidecar: Callable[[], Awaitable[None]],
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker_answers = broker_answers
        self._end_sidecar = end_sidecar
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._reason: str | None = None
        """Why events wait, as reported last."""
        self._futile_since: float | None = None

    async def received(self, trouble: BrokerAwayError | None) -> None:
        """What failed of the latest look at the outboxes, if anything did."""
        if trouble is None:
            if self._reason is not None:
                log.info("events go again")
            self._reason, self._futile_since = None, None
            return
        if str(trouble) != self._reason:
            log.warning("events wait in their outboxes", reason=str(trouble))
        self._reason = str(trouble)
        if not trouble.sidecar_answers or not await self._broker_answers():
            # Its supervisor looks after a sidecar that is down, and a new one couldn't reach a broker that is away.
            self._futile_since = None
            return
        if self._futile_since is None:
            self._futile_since = self._clock()
        if self._clock() - self._futile_since >= self._patience_seconds:
            log.error("the sidecar has given up the broker, which is there: it must restart", reason=str(trouble))
            RESTARTS.inc()
            await self._end_sidecar()
            # The next one has the full time.
            self._futile_since = None
