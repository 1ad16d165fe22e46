"""The task-orchestrator-service without its HTTP surface and its sidecar."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.message import Message
from shared.contracts.timeline import Timeline
from shared.events.event import CloudEvent, EventType
from shared.events.inbox import Inbox, Verdict
from shared.events.received import open_envelope, read_event
from shared.shop.inventory import StockLine
from shared.shop.task import TASK_PROCESSING, AcceptedTask, AssignTask, CloseTask, TaskAssigned, TaskClosed, TaskStatus
from shared.workflows.client import (
    PROBE_SIGNAL,
    EngineAwayError,
    Instance,
    InstanceStatus,
    NoAnswerError,
    UnreadableError,
)
from task_orchestrator_service.acceptance import ORDER_TASKS, NewTask, Origin, insert_task
from task_orchestrator_service.rules import Team
from task_orchestrator_service.starter import Starter
from task_orchestrator_service.store import TaskStore

TEAM: Final = Team(("ann", "bob"), ("ivy",), 0.5)
RUNNING: Final = Instance(InstanceStatus.RUNNING)

# What a task holds is held by exactly one, and only by one that has not failed.
_CONTRADICTIONS: Final = text("""
    SELECT 'assigned', name FROM assignees
        WHERE assigned <> (SELECT count(*) FROM tasks WHERE assignee = name)
    UNION ALL SELECT 'packing', task_id FROM packings JOIN tasks USING (task_id)
        WHERE status = 'failed' OR status = 'accepted' AND restarts = 0
    UNION ALL SELECT 'failed but assigned', task_id FROM tasks WHERE status = 'failed' AND assignee IS NOT NULL
""")


@dataclass
class FakeEngine:
    """A workflow engine whose instances a test sets, and which remembers what it was sent."""

    instances: dict[str, Instance] = field(default_factory=dict)
    away: bool = False
    hangs: bool = False
    """It keeps whoever starts a workflow waiting."""
    silent: set[str] = field(default_factory=set)
    """Instances that take no event."""
    unreadable: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    started: list[tuple[str, str, str]] = field(default_factory=list)
    """(workflow, instance id, run id)."""

    @property
    def started_ids(self) -> list[str]:
        return [instance_id for _, instance_id, _ in self.started]

    async def schedule(self, workflow: str, instance_id: str, message: Message) -> None:
        self._answer()
        self.started.append((workflow, instance_id, AcceptedTask.model_validate(message.model_dump()).run_id))
        self.instances.setdefault(instance_id, RUNNING)
        if self.hangs:
            await asyncio.Event().wait()

    async def instance(self, instance_id: str) -> Instance | None:
        self._answer()
        if instance_id in self.unreadable:
            raise UnreadableError("UNKNOWN: inbox key 'inbox-000001' missing from state store")
        return self.instances.get(instance_id)

    async def raise_event(self, instance_id: str, event: str, payload: Message | None = None) -> None:
        self._answer()
        assert (PROBE_SIGNAL, None) == (event, payload)
        self.asked.append(instance_id)
        if instance_id in self.silent:
            raise NoAnswerError("no answer within 15 s")

    async def terminate(self, instance_id: str) -> None:
        raise NotImplementedError(instance_id)

    async def purge(self, instance_id: str) -> bool:
        raise NotImplementedError(instance_id)

    def instance_ids(self) -> Any:  # noqa: ANN401 - nobody asks
        raise NotImplementedError

    def _answer(self) -> None:
        if self.away:
            raise EngineAwayError("UNAVAILABLE: no sidecar")


class World:
    """Short ways to accept tasks, to run their activities, and to look at them."""

    def __init__(self, database: AsyncEngine) -> None:
        self.database = database
        self.tasks = TaskStore(database)
        self.engine = FakeEngine()
        self.inbox = Inbox(database, ordered=False)

    async def accept(self, task_id: str = "task-1", **changes: Any) -> bool:  # noqa: ANN401
        task = a_task(task_id, **changes)
        new = NewTask(task, TASK_PROCESSING, Origin.HTTP, task_id)
        async with self.database.begin() as tx:
            return await insert_task(tx, new)

    async def claimed(self, task_id: str = "task-1", run_id: str = "run-1", **changes: Any) -> str:  # noqa: ANN401
        await self.accept(task_id, **changes)
        assert await self.tasks.claim(task_id, run_id)
        return task_id

    async def assign(self, task_id: str, score: float = 0.1, run_id: str = "run-1") -> TaskAssigned:
        return await self.tasks.assign(task_id, AssignTask(run_id=run_id, fraud_score=score), TEAM)

    async def close(self, task_id: str, status: TaskStatus = TaskStatus.COMPLETED, run_id: str = "run-1") -> TaskClosed:
        reason = "it broke" if status is TaskStatus.FAILED else None
        end = CloseTask(run_id=run_id, timeline=Timeline(version=9), status=status, reason=reason)
        return await self.tasks.close(task_id, end)

    async def row(self, task_id: str = "task-1") -> Row[Any]:
        row = await self.tasks.by_id(task_id)
        assert row is not None
        return row

    async def deliver(self, event: CloudEvent) -> Verdict:
        received = read_event(open_envelope(event.model_dump_json().encode()))
        handler = ORDER_TASKS[EventType(received.kind)]
        return await self.inbox.take(received, handler)

    async def sql(self, statement: str) -> None:
        async with self.database.begin() as tx:
            await tx.execute(text(statement))

    async def contradictions(self) -> list[tuple[object, ...]]:
        async with self.database.connect() as connection:
            return [tuple(row) for row in await connection.execute(_CONTRADICTIONS)]


@asynccontextmanager
async def sweeping(world: World) -> AsyncIterator[Starter]:
    starter = Starter(world.tasks, world.engine, concurrency=32, patience_seconds=30)
    sweep = asyncio.create_task(starter.run())
    try:
        yield starter
    finally:
        sweep.cancel()
        with suppress(asyncio.CancelledError):
            await sweep
        await starter.close()


def a_task(task_id: str = "task-1", **changes: Any) -> AcceptedTask:  # noqa: ANN401 - fields of the message
    return AcceptedTask.model_validate(
        {
            "task_id": task_id,
            "run_id": "",
            "email": "ada@example.org",
            "user_id": "ada",
            "lines": (StockLine(sku="TEA", quantity=3),),
            "total_cents": 4200,
            "currency": "EUR",
            "country": "DE",
            **changes,
        }
    )


def completed(order_id: str = "ord-1", *, event_id: str = "evt-1", **changes: Any) -> CloudEvent:  # noqa: ANN401
    """An `order.completed`."""
    data = {
        "order_id": order_id,
        "status": "completed",
        "total_cents": 4200,
        "currency": "EUR",
        "customer": {"email": "ada@example.org", "user_id": "ada"},
        "lines": [{"sku": "TEA", "quantity": 3}],
        "country": "DE",
        **changes,
    }
    return CloudEvent(
        id=event_id,
        source="/order-service",
        type="order.completed",
        subject=order_id,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        sequence="2",
        data=data,
    )
