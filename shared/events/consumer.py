"""A consumer of events: what one delivery does, and what its sidecar is answered.

done, a duplicate, another consumer's replay   SUCCESS: the broker forgets it
an outage, an event before its turn            RETRY: the broker delivers it again after its ackWait, for ever
a dead event, or one that kills its consumer   its dead letter is published first, then SUCCESS
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.dead_letters import NotPublishedError, Publishes, as_cloud_event, dead_letter
from shared.events.event import TOPIC
from shared.events.inbox import Inbox, Outcome, Verdict
from shared.events.received import Envelope, Received, UnreadableEventError, open_envelope, read_event
from shared.participant.errors import QuarantinedError
from shared.participant.in_flight import Work
from shared.participant.quarantine import Gate

Handler = Callable[[AsyncConnection, Received], Awaitable[None]]
"""Runs in the transaction of the event's inbox row: what it writes there takes effect once. `Refused` says that the
event will never be taken, an `OSError` that it can't be now; anything else is a failed attempt. It must be quick: what
waits for others holds one of the broker's places, so such work is taken over into a table of the consumer's own."""

log = structlog.get_logger()

DELIVERIES: Final = Counter("shop_event_deliveries", "Deliveries of events", ["type", "outcome"])


class Answer(StrEnum):
    """What Dapr's sidecar does with the delivery."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"


class Consumer:
    """Hands each event to its handler, exactly once as far as the handler's transaction goes."""

    def __init__(  # noqa: PLR0913 - what makes a consumer
        self,
        app_id: str,
        handlers: Mapping[str, Handler],
        inbox: Inbox,
        publisher: Publishes,
        *,
        gate: Gate | None = None,
        topic: str = TOPIC,
    ) -> None:
        self.app_id = app_id
        self._handlers = dict(handlers)
        self._inbox = inbox
        self._publisher = publisher
        self._gate = gate or Gate()
        self._topic = topic

    async def take(self, body: bytes) -> Answer:
        """Process one delivery; never raises."""
        envelope = open_envelope(body)
        if envelope.replay_for not in {None, self.app_id}:
            return Answer.SUCCESS
        try:
            event = read_event(envelope)
        except UnreadableEventError as error:
            verdict = Verdict(Outcome.DEAD, str(error), attempts=1)
            return await self._give_up(envelope, verdict, None)
        try:
            async with self._gate.passed(Work.of(event.subject, event.kind, event.id)):
                verdict = await self._inbox.take(event, self._effect)
        except QuarantinedError as error:
            verdict = Verdict(Outcome.DEAD, str(error))
        self._log(event, verdict)
        if verdict.outcome is Outcome.DEAD:
            return await self._give_up(envelope, verdict, event)
        return Answer.RETRY if verdict.outcome is Outcome.RETRY else Answer.SUCCESS

    async def _effect(self, tx: AsyncConnection, event: Received) -> None:
        # An ordered consumer gets all types of a source, since it counts them.
        handler = self._handlers.get(event.kind)
        if handler is not None:
            await handler(tx, event)

    async def _give_up(self, envelope: Envelope, verdict: Verdict, event: Received | None) -> Answer:
        letter = dead_letter(
            envelope,
            consumer=self.app_id,
            topic=self._topic,
            reason=verdict.reason,
            attempts=verdict.attempts,
            deaths=verdict.deaths,
        )
        try:
            # First the letter: if this process dies now, the event comes again, and its letter under the same id.
            await self._publisher.publish(as_cloud_event(letter))
            if event is not None:
                await self._inbox.mark_dead(event, verdict.reason)
        except (NotPublishedError, SQLAlchemyError, OSError) as error:
            log.warning("dead letter waits", event_id=envelope.id, reason=verdict.reason, error=str(error))
            return Answer.RETRY
        log.error("dead letter", event_id=envelope.id, dead_letter_id=letter.dead_letter_id, reason=verdict.reason)
        return Answer.SUCCESS

    def _log(self, event: Received, verdict: Verdict) -> None:
        known = event.kind if event.kind in self._handlers else "other"
        DELIVERIES.labels(known, verdict.outcome.value).inc()
        log.info(
            "event",
            event_id=event.id,
            type=event.kind,
            subject=event.subject,
            sequence=event.sequence,
            outcome=verdict.outcome.value,
            attempts=verdict.attempts,
            reason=verdict.reason or None,
        )
