"""Removes finished audits from the state store: what counts stands on the record.

A purge must not race a late result, which would leave a reminder in the scheduler that fires for ever. So an audit is
purged only when it has been seen ended for long enough that no repeat of its activity can still run.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from shared.workflows.client import EngineAwayError, WorkflowCare

SWEEP_SECONDS: Final = 30.0

log = structlog.get_logger()


class FinishedAudits:
    """Every workflow of this app is an audit. Which have ended is kept in memory: after a restart they stay longer."""

    def __init__(
        self, engine: WorkflowCare, keep_seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._ended_since: dict[str, float] = {}

    async def run(self) -> None:
        """Sweep now and then, until cancelled; an engine that is away is asked again."""
        while True:
            try:
                await self.sweep()
            except EngineAwayError as error:
                log.warning("finished audits can't be removed now", error=str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Purge the audits that ended long enough ago.

        Raises:
            EngineAwayError: the rest is done by the next sweep.
        """
        present = {instance_id async for instance_id in self._engine.instance_ids()}
        self._ended_since = {one: since for one, since in self._ended_since.items() if one in present}
        for instance_id in sorted(present):
            if await self._is_due(instance_id):
                await self._engine.purge(instance_id)
                del self._ended_since[instance_id]

    async def _is_due(self, instance_id: str) -> bool:
        since = self._ended_since.get(instance_id)
        if since is None:
            instance = await self._engine.instance(instance_id)
            if instance is None or not instance.status.is_terminal:
                return False
            since = self._ended_since.setdefault(instance_id, self._clock())
        if self._clock() - since < self._keep_seconds:
            return False
        # Called again under its id meanwhile, it runs anew.
        instance = await self._engine.instance(instance_id)
        if instance is not None and instance.status.is_terminal:
            return True
        del self._ended_since[instance_id]
        return False
