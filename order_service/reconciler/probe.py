"""Asks the workflows of late orders whether they still take events.

A sidecar can lose a turn (daprd 1.18.2: a turn that is cancelled, since the scheduler died, say, takes along what the
sidecar remembers of its repeat). It then holds the workflow's lock for ever, while the engine calls the workflow
running: no event, timer or result reaches it any more. A workflow that only waits takes an event at once.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from order_service.engine import WorkflowEngine
from order_service.reconciler.watch import WatchedOrder
from shared.workflows.engine import EngineAwayError, NoAnswerError

NUDGE_EVENT: Final = "nudge"
"""Nobody waits for it: it only makes the engine take a turn of the workflow."""

AGAIN_SECONDS: Final = 300.0
"""A workflow that took the event is asked again after so long: each event is a turn, and a line of its history."""


class Probe:
    """Remembers who was asked when. Belongs to one event loop."""

    def __init__(self, engine: WorkflowEngine) -> None:
        self._engine = engine
        self._again_at: dict[str, float] = {}

    async def ask(self, orders: Sequence[WatchedOrder]) -> dict[str, bool]:
        """By order id, whether its workflow takes events; without those of which the engine could not be asked.

        All are asked at once, since each that doesn't answer takes the engine's whole patience.
        """
        now = time.monotonic()
        self._again_at = {
            order.order_id: self._again_at[order.order_id] for order in orders if order.order_id in self._again_at
        }
        asked = [order for order in orders if self._again_at.get(order.order_id, now) <= now]
        answers = await asyncio.gather(*(self._takes_events(order) for order in asked))
        for order, answer in zip(asked, answers, strict=True):
            if answer:
                self._again_at[order.order_id] = now + AGAIN_SECONDS
        return dict.fromkeys(self._again_at, True) | {
            order.order_id: answer for order, answer in zip(asked, answers, strict=True) if answer is not None
        }

    async def _takes_events(self, order: WatchedOrder) -> bool | None:
        try:
            await self._engine.raise_event(order.instance_id, NUDGE_EVENT)
        except NoAnswerError:
            return False
        except EngineAwayError:
            return None
        return True
