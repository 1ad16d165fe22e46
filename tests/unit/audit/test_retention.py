"""Finished audits leave the state store, late enough, and only they."""

from collections.abc import AsyncIterator

import pytest

from audit_service.retention import FinishedAudits
from shared.workflows.client import EngineAwayError, Instance, InstanceStatus

pytestmark = pytest.mark.unit

KEEP_SECONDS = 100.0


class Engine:
    """Workflows in memory, and a clock."""

    def __init__(self, **statuses: InstanceStatus) -> None:
        self.statuses = statuses
        self.is_away = False
        self.now = 0.0
        self.audits = FinishedAudits(self, KEEP_SECONDS, clock=lambda: self.now)

    async def instance(self, instance_id: str) -> Instance | None:
        status = self.statuses.get(instance_id)
        return None if status is None else Instance(status)

    async def terminate(self, instance_id: str) -> None:
        raise AssertionError(instance_id)

    async def purge(self, instance_id: str) -> bool:
        del self.statuses[instance_id]
        return True

    async def instance_ids(self) -> AsyncIterator[str]:
        if self.is_away:
            raise EngineAwayError
        for instance_id in list(self.statuses):
            yield instance_id

    async def left_after(self, *sweeps_at: float) -> set[str]:
        for self.now in sweeps_at:
            await self.audits.sweep()
        return set(self.statuses)


async def test_only_what_has_ended_is_purged() -> None:
    engine = Engine(
        done=InstanceStatus.COMPLETED,
        refused=InstanceStatus.FAILED,
        running=InstanceStatus.RUNNING,
        stalled=InstanceStatus.STALLED,
    )

    assert await engine.left_after(0, KEEP_SECONDS) == {"running", "stalled"}


async def test_nothing_is_purged_before_its_time() -> None:
    """Counted from when it was first seen ended."""
    engine = Engine(done=InstanceStatus.COMPLETED)

    assert await engine.left_after(50, 50 + KEEP_SECONDS - 1) == {"done"}
    assert await engine.left_after(50 + KEEP_SECONDS) == set()


async def test_an_audit_that_runs_anew_is_let_run() -> None:
    """Its id was used again after it had been seen ended; it is counted anew as well."""
    engine = Engine(again=InstanceStatus.COMPLETED)
    await engine.left_after(0)
    engine.statuses["again"] = InstanceStatus.RUNNING

    assert await engine.left_after(KEEP_SECONDS) == {"again"}
    engine.statuses["again"] = InstanceStatus.COMPLETED
    assert await engine.left_after(KEEP_SECONDS + 1, 2 * KEEP_SECONDS) == {"again"}
    assert await engine.left_after(2 * KEEP_SECONDS + 1) == set()


async def test_an_engine_that_is_away_costs_a_sweep_and_no_more() -> None:
    engine = Engine(done=InstanceStatus.COMPLETED)
    await engine.left_after(0)
    engine.is_away = True

    with pytest.raises(EngineAwayError):
        await engine.left_after(KEEP_SECONDS)

    engine.is_away = False
    assert await engine.left_after(KEEP_SECONDS) == set()
