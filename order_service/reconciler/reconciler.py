"""The reconciler: sweeps in the background, one replica at a time, and acts on what it finds.

Everything that it does is safe against a workflow that was only slow: an order is taken over by a conditional update
of its row, after which nothing that the old run still sends changes the order, and the steps are undone under the keys
whose tombstones turn its late arrivals away.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import structlog
from prometheus_client import Counter, Gauge
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import OF_WORKFLOWS, Finding, FindingKind
from order_service.reconciler.findings_store import FindingsStore
from order_service.reconciler.orphans import Cursors, Orphans, Scan
from order_service.reconciler.watch import Patience, Watch, WatchedOrder, judge, judge_late, judge_unreadable
from shared.contracts.message import problems_in
from shared.shop.order import ORDER_RECOVERY_WORKFLOW, RecoverOrder
from shared.shop.reports import ReconciliationReport
from shared.workflows.client import EngineAwayError, InstanceStatus, Probe, UnreadableError, WorkflowEngine

SIGNALLED: Final = "The workflow was signalled by an event."
LOOKED_FOR: Final = "It is looked for once more before anything is done."

LEAST_LEASE_SECONDS: Final = 5.0
"""A recovery has the time of a confirmation, and this at least, for taking its order over."""

ENOUGH_FAILURES: Final = 3
"""So many unanswered questions end a sweep: the engine is away. Fewer may be about single workflows."""

LATE_TIMES: Final = 4
LATE_SECONDS: Final = 60.0
"""A last sweep (or scan) that is older than this and so many of its intervals says nothing about now."""

_LOCK: Final = 7_264_519_004
"""Any fixed number: the key of the advisory lock that lets one replica sweep."""

Health = Callable[[], Awaitable[str | None]]
"""Why the workflow engine can't be relied on now, or None."""

log = structlog.get_logger()

OPEN_FINDINGS: Final = Gauge("shop_findings_open", "Open findings of the reconciler", ["kind"])
RECOVERIES: Final = Counter("shop_recoveries_started", "Recovery workflows started")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the reconciler looks, and how long it waits before it acts.

    `grace_seconds`: an order that was accepted later is none of its business yet. `confirm_seconds`: how long the
    engine must have said that a workflow is gone, or a stuck one have ignored its signal; also how long after its
    deadline an order is asked whether it takes events. `margin_seconds`: how long after its deadline and the patience
    of its undos an order counts as stuck. `decision_seconds`: how long a person's decision may take before its order is
    asked whether it takes events.
    """

    sweep_seconds: float
    scan_seconds: float
    grace_seconds: float
    confirm_seconds: float
    margin_seconds: float
    decision_seconds: float


class Reconciler:
    """Finds, explains, and repairs what is safe. Belongs to one event loop."""

    def __init__(
        self, *, database: AsyncEngine, orphans: Orphans, workflows: WorkflowEngine, health: Health, pace: Pace
    ) -> None:
        self._database = database
        self._findings = FindingsStore(database)
        self._watch = Watch(database)
        self._scan = Scan(orphans, self._findings, Cursors(database))
        self._workflows = workflows
        self._probe = Probe(workflows)
        self._health = health
        self._pace = pace
        self._patience = Patience(pace.confirm_seconds, pace.margin_seconds, pace.decision_seconds)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                async with alone(self._database) as mine:
                    if mine:
                        await self.sweep()
                counts = await self._findings.open_by_kind()
                for kind in FindingKind:
                    OPEN_FINDINGS.labels(kind).set(counts.get(kind, 0))
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                log.warning("not reconciled, trying again", error=str(error))
            await asyncio.sleep(self._pace.sweep_seconds)

    async def report(self) -> ReconciliationReport:
        """What is open and what was resolved (see `FindingsStore.report`)."""
        return await self._findings.report(_late(self._pace.sweep_seconds), _late(self._pace.scan_seconds))

    async def sweep(self) -> None:
        """Look at everything once, and act; at the tables last, since orders can't wait for a scan that is slow."""
        await self._look_for_unstarted()
        skipped = await self._health()
        if skipped is None:
            skipped = await self._look_for_workflows()
        await self._findings.close_sweep(skipped)
        if await self._findings.begin_scan(self._pace.scan_seconds):
            await self._findings.end_scan(await self._scan.make())

    async def _look_for_unstarted(self) -> None:
        rows = await self._watch.unstarted(self._pace.grace_seconds)
        found = [Finding(FindingKind.ORDER_NOT_STARTED, row.order_id, row.seen) for row in rows]
        for finding in found:
            await self._findings.note(finding)
            await self._findings.acted(finding, "Its start is tried again every ten seconds.")
        await self._findings.resolve([FindingKind.ORDER_NOT_STARTED], found)

    async def _look_for_workflows(self) -> str | None:
        """Look for the workflows of open orders; why some could not be looked for, or None."""
        checked: list[str] = []
        found: list[Finding] = []
        skipped: list[str] = []
        late: list[tuple[WatchedOrder, InstanceStatus]] = []
        due = await self._watch.due(self._pace.grace_seconds, self._patience)
        for order in due:
            try:
                finding, status = await self._look(order)
                if finding is None and status is not None and (order.late or order.overdue):
                    late.append((order, status))
                    continue
                await self._act_if_still(order, finding, found)
                checked.append(order.order_id)
            except EngineAwayError as error:
                skipped.append(_skipped(order, error))
                if len(skipped) == ENOUGH_FAILURES:
                    break
        takes_events = await self._probe.ask([order.instance_id for order, _ in late])
        for order, status in late:
            if order.instance_id not in takes_events:
                skipped.append(_skipped(order, "it refused an event"))
                continue
            try:
                takes_event = takes_events[order.instance_id]
                finding = judge_late(order, status, takes_event=takes_event)
                await self._act_if_still(order, finding, found, can_end=takes_event)
                checked.append(order.order_id)
            except EngineAwayError as error:
                skipped.append(_skipped(order, error))
        await self._findings.resolve(OF_WORKFLOWS, found, checked)
        return skipped[-1] if skipped else None

    async def _look(self, order: WatchedOrder) -> tuple[Finding | None, InstanceStatus | None]:
        """What is wrong with the order's workflow, and its status; None if there is none, or it can't be read."""
        try:
            instance = await self._workflows.instance(order.instance_id)
        except UnreadableError as error:
            return judge_unreadable(order, error), None
        return judge(order, instance), instance.status if instance is not None else None

    async def _act_if_still(
        self, order: WatchedOrder, finding: Finding | None, found: list[Finding], *, can_end: bool = False
    ) -> None:
        """The order may have ended, or been taken over, since its row was read."""
        if finding is not None and await self._watch.is_still(order):
            found.append(finding)
            await self._act(order, finding, can_end=can_end)

    async def _act(self, order: WatchedOrder, finding: Finding, *, can_end: bool) -> None:
        """Note it, and once it is confirmed recover the order, after its workflow if that `can_end`."""
        seconds = await self._findings.note(finding)
        if finding.kind is FindingKind.WORKFLOW_PAUSED:
            return
        if seconds < self._pace.confirm_seconds:
            signalled = finding.kind is FindingKind.ORDER_STUCK
            await self._findings.acted(finding, SIGNALLED if signalled else LOOKED_FOR)
            return
        if can_end:
            await self._terminate(order.instance_id)
        await self._recover(order, finding)

    async def _terminate(self, instance_id: str) -> None:
        """End the stuck workflow if that can be done; the recovery is as safe beside it."""
        try:
            await self._workflows.terminate(instance_id)
        except EngineAwayError as error:
            log.warning("stuck workflow not terminated", instance_id=instance_id, error=str(error))

    async def _recover(self, order: WatchedOrder, finding: Finding) -> None:
        lease_seconds = max(self._pace.confirm_seconds, LEAST_LEASE_SECONDS)
        try:
            recovery = await self._watch.next_recovery(order, lease_seconds)
        except ValidationError as error:
            why = f"It can't be recovered, since its row can't be read: {problems_in(error)}"
            log.error("order not recovered", order_id=order.order_id, error=why)  # noqa: TRY400 - without its values
            await self._findings.acted(finding, why)
            return
        if recovery is None:
            return
        instance_id, placed = recovery
        run = placed.model_copy(update={"run_id": uuid4().hex})
        reason = f"its workflow was lost ({finding.seen}), so that the order was undone"
        recovery_order = RecoverOrder(order=run, replaces=order.run_id, reason=reason)
        await self._workflows.schedule(ORDER_RECOVERY_WORKFLOW, instance_id, recovery_order)
        RECOVERIES.inc()
        await self._findings.acted(finding, f"The recovery {instance_id} was started; it undoes the order.")


def _late(every_seconds: float) -> float:
    return LATE_SECONDS + LATE_TIMES * every_seconds


def _skipped(order: WatchedOrder, why: object) -> str:
    return f"The engine did not answer for {order.order_id} ({why}); it is asked again."


@asynccontextmanager
async def alone(database: AsyncEngine) -> AsyncIterator[bool]:
    """Whether this process is the one that sweeps now; a lock of the session, which dies with it."""
    async with database.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        mine = bool(await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}))
        try:
            yield mine
        finally:
            if mine:
                await connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
