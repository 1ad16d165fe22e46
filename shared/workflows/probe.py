"""Asks workflows that should have ended, or gone on, whether they still take events.

A sidecar can lose a turn: one that is cancelled, since the scheduler died, say, takes along what the sidecar remembers
of its repeat. It then holds the workflow's lock for ever, while the engine calls the workflow running: no event, timer
or result reaches it any more. A workflow that only waits takes an event at once.
"""

import asyncio
import time
from collections.abc import Collection
from typing import Final

from shared.workflows.client import EngineAwayError, NoAnswerError, WorkflowNotifier

# Works around `lost-turn` (docs/upstream.md).
PROBE_SIGNAL: Final = "nudge"
"""Nobody waits for it: it only makes the engine take a turn of the workflow."""

AGAIN_SECONDS: Final = 300.0
"""A workflow that took the event is asked again after so long: each event is a turn, and a line of its history."""


class Probe:
    """Remembers who was asked when. Belongs to one event loop."""

    def __init__(self, engine: WorkflowNotifier) -> None:
        self._engine = engine
        self._again_at: dict[str, float] = {}

    async def ask(self, instance_ids: Collection[str]) -> dict[str, bool]:
        """By instance id, whether the workflow takes events; without those of which the engine could not be asked.

        All are asked at once, since each that doesn't answer takes the engine's whole patience.
        """
        now = time.monotonic()
        self._again_at = {one: self._again_at[one] for one in instance_ids if one in self._again_at}
        asked = [one for one in instance_ids if self._again_at.get(one, now) <= now]
        answers = await asyncio.gather(*(self._takes_events(one) for one in asked))
        answered = {one: answer for one, answer in zip(asked, answers, strict=True) if answer is not None}
        self._again_at |= {one: now + AGAIN_SECONDS for one, takes_events in answered.items() if takes_events}
        return dict.fromkeys(self._again_at, True) | answered

    async def _takes_events(self, instance_id: str) -> bool | None:
        try:
            await self._engine.raise_event(instance_id, PROBE_SIGNAL)
        except NoAnswerError:
            return False
        except EngineAwayError:
            return None
        return True
