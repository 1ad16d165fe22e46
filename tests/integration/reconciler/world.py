"""A shop's tables without its processes, a workflow engine that says what a test sets, and the reconciler between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.orders import OrderStore
from order_service.reconciler.orphans import Orphans
from order_service.reconciler.reconciler import Pace, Reconciler
from shared.contracts.message import Message
from shared.contracts.timeline import Timeline
from shared.shop.order import ORDER_RECOVERY_WORKFLOW, ParkOrder, RecoverOrder
from shared.shop.reports import ReconciliationReport
from shared.workflows.client import EngineAwayError, Instance, InstanceStatus, NoAnswerError, UnreadableError
from tests.order_saga.orders import an_order

RUNNING: Final = Instance(InstanceStatus.RUNNING)
AT_ONCE: Final = Pace(
    sweep_seconds=0.01, scan_seconds=0.001, grace_seconds=0, confirm_seconds=0, margin_seconds=0, decision_seconds=180
)
QUICK: Final = replace(AT_ONCE, confirm_seconds=60, margin_seconds=60)
PATIENT: Final = replace(AT_ONCE, confirm_seconds=3600, margin_seconds=60)


@dataclass
class FakeEngine:
    """A workflow engine whose instances a test sets, and which remembers what it was sent."""

    instances: dict[str, Instance] = field(default_factory=dict)
    away: bool = False
    deaf: set[str] = field(default_factory=set)
    """Instances that hold back the answer to an event."""
    unreadable: set[str] = field(default_factory=set)
    """Instances of whose state a part is missing."""
    recoveries: list[tuple[str, RecoverOrder]] = field(default_factory=list)
    raised: list[tuple[str, str]] = field(default_factory=list)
    terminated: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)

    async def schedule(self, workflow: str, instance_id: str, message: Message) -> None:
        self._answer()
        assert workflow == ORDER_RECOVERY_WORKFLOW
        assert isinstance(message, RecoverOrder)
        self.recoveries.append((instance_id, message))

    async def raise_event(self, order_id: str, event: str, payload: Message | None = None) -> None:
        del payload
        self._answer()
        if order_id in self.deaf:
            raise NoAnswerError("no answer within 15 s")
        self.raised.append((order_id, event))

    async def instance(self, instance_id: str) -> Instance | None:
        self._answer()
        if instance_id in self.unreadable:
            raise UnreadableError("UNKNOWN: inbox key 'inbox-000000' is missing from state store")
        return self.instances.get(instance_id)

    async def terminate(self, instance_id: str) -> None:
        self._answer()
        self.terminated.append(instance_id)
        if instance_id in self.instances:
            self.instances[instance_id] = Instance(InstanceStatus.TERMINATED)

    async def purge(self, instance_id: str) -> bool:
        self._answer()
        await asyncio.sleep(0)
        instance = self.instances.get(instance_id)
        if instance is not None and not instance.status.is_terminal:
            return False
        self.instances.pop(instance_id, None)
        self.purged.append(instance_id)
        return True

    async def instance_ids(self) -> AsyncIterator[str]:
        self._answer()
        for instance_id in list(self.instances):
            yield instance_id

    def _answer(self) -> None:
        if self.away:
            raise EngineAwayError("UNAVAILABLE: no sidecar")


@dataclass
class World:
    """All services' tables in one database, and the reconciler over them."""

    admin_url: str
    database: AsyncEngine
    auditor_database: AsyncEngine
    workflows: FakeEngine = field(default_factory=FakeEngine)
    unhealthy: str | None = None

    def __post_init__(self) -> None:
        self.orders = OrderStore(self.database)

    def reconciler(self, pace: Pace = AT_ONCE, orphans: Orphans | None = None) -> Reconciler:
        """A replica's reconciler."""

        async def health() -> str | None:
            return self.unhealthy

        return Reconciler(
            database=self.database,
            orphans=orphans or Orphans(self.auditor_database),
            workflows=self.workflows,
            health=health,
            pace=pace,
        )

    async def accepted(self, *, deadline_seconds: float = 300, patience_seconds: float = 60) -> str:
        """An order that was accepted."""
        order_id = f"ord-{uuid4().hex}"
        placed = an_order(undo_patience_seconds=patience_seconds).model_copy(update={"order_id": order_id})
        stored = await self.orders.accept(
            {
                "order_id": order_id,
                "idempotency_key": order_id,
                "request_hash": "hash",
                "customer": {},
                "lines": [{"sku": "TEA", "quantity": 3}],
                "total_cents": placed.total_cents,
                "currency": placed.currency,
                "deadline_at": None,
                "placed": placed.model_dump(mode="json", exclude={"run_id"}),
                "timeline": Timeline(version=0).model_dump(mode="json"),
            }
        )
        assert stored
        await self.sql(
            f"UPDATE order_service.orders SET deadline_at = now() + make_interval(secs => {deadline_seconds}) "
            f"WHERE order_id = '{order_id}'"
        )
        return order_id

    async def in_progress(self, instance: Instance | None = RUNNING, **options: float) -> str:
        """An order that the run `run-1` has claimed, with what the engine says of its workflow."""
        order_id = await self.accepted(**options)
        assert (await self.orders.claim(order_id, "run-1")).claimed
        if instance is not None:
            self.workflows.instances[order_id] = instance
        return order_id

    async def parked(self, instance: Instance | None = RUNNING, **options: float) -> str:
        """An order in progress that waits for a person."""
        order_id = await self.in_progress(instance, **options)
        park = ParkOrder(timeline=Timeline(version=9), reason="stuck", money_at_risk_cents=100, run_id="run-1")
        await self.orders.park(order_id, park)
        return order_id

    async def decided(self, order_id: str, *, seconds_ago: float, applied: bool = False) -> None:
        """A person's decision about the order's payment."""
        moment = f"now() - make_interval(secs => {seconds_ago})"
        end = "'applied', 'undone', 'done', now()" if applied else "'sent', NULL, NULL, NULL"
        await self.sql(
            "INSERT INTO order_service.repairs (repair_id, order_id, idempotency_key, request_hash, step, decision,"
            " decided_by, note, due_at, requested_at, status, outcome, detail, applied_at)"
            f" VALUES ('{uuid4().hex}', '{order_id}', '{uuid4().hex}', 'hash', 'process_payment', 'retry',"
            f" 'ann', '', now(), {moment}, {end})"
        )

    async def complete(self, order_id: str) -> None:
        await self.orders.complete(order_id, Timeline(version=9), "TRACK-1", "run-1")

    async def taken_over(self, order_id: str) -> str:
        """Play the last recovery's first turn; its instance's id."""
        instance_id, recovery = self.workflows.recoveries[-1]
        taken = await self.orders.take_over(
            order_id, run_id=recovery.order.run_id, replaces=recovery.replaces, instance_id=instance_id
        )
        assert taken is not None
        return instance_id

    async def is_reconciled(self) -> bool:
        return (await self.reconciler().report()).reconciled

    async def sql(self, *statements: str) -> None:
        """As the superuser."""
        async with self._superuser() as connection:
            for statement in statements:
                await connection.execute(statement)

    async def sql_value(self, query: str) -> object:
        """One value, as the superuser sees it."""
        async with self._superuser() as connection:
            return await connection.fetchval(query)

    @asynccontextmanager
    async def holding(self, lock: str) -> AsyncIterator[None]:
        """Hold what this statement of the superuser locks."""
        async with self._superuser() as connection, connection.transaction():
            await connection.execute(lock)
            yield

    @asynccontextmanager
    async def _superuser(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        connection = await asyncpg.connect(self.admin_url)
        try:
            yield connection
        finally:
            await connection.close()


def by_kind(report: ReconciliationReport, where: str = "findings") -> dict[str, list[str]]:
    """The subjects of a report's findings."""
    kinds: dict[str, list[str]] = {}
    for finding in getattr(report, where):
        kinds.setdefault(finding.kind, []).append(finding.subject)
    return kinds
