"""Distinguishes an absent broker from a sidecar that gave it up, and has the latter replaced.

The broker's client inside the sidecar tries to reconnect for about two minutes (nats.go: sixty attempts, two seconds
apart, and the Dapr component has no setting for it) and then never again: every publish fails, though the broker is
back. Then the relay asks its sidecar to end; whoever supervises it starts a new one.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from prometheus_client import Counter

from event_relay.publisher import BrokerAwayError

PATIENCE_SECONDS: Final = 15.0
"""So long publishing may fail though the broker takes connections: longer than the client's pause between two attempts,
and than a broker with much data takes from its first connection to its first acknowledgement."""

log = structlog.get_logger()

RESTARTS: Final = Counter("shop_relay_sidecar_restarts", "Sidecars that were asked to end since they had given up")


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
