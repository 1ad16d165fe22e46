"""Accepts tasks, over HTTP and from events: stored before they are confirmed, each under a key of its own.

Each completed order becomes a task to pick and pack it, in the transaction of the event's inbox row: exactly one.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import Row, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.call import Fault
from shared.contracts.timeline import Timeline
from shared.events.consumer import Handler
from shared.events.event import EventType, OrderEvent
from shared.events.received import Received
from shared.participant.errors import Refused
from shared.shop.audit import AUDIT
from shared.shop.inventory import StockLine
from shared.shop.task import CLOSE_TASK, TASK_ORCHESTRATOR, TASK_PROCESSING, AcceptedTask, TaskStatus, TaskWorkflow
from shared.web.bodies import Body, CustomerBody, LineBody, Text
from shared.web.requests import RequestRefusedError, check_email, check_fault_plan, check_same_request, request_hash
from task_orchestrator_service.rules import check
from task_orchestrator_service.starter import Starter
from task_orchestrator_service.store import TaskStore
from task_orchestrator_service.tables import TASKS

ACTIVITIES: Final = frozenset(
    contract.activity for contract in (*TASK_ORCHESTRATOR.contracts, *TASK_ORCHESTRATOR.calls, *AUDIT.contracts)
)
RECORDS: Final = frozenset({CLOSE_TASK.activity})


Country = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{2}$")]
Currency = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{3}$")]


class Origin(StrEnum):
    """Who asks for tasks."""

    HTTP = "http"
    ORDER_COMPLETED = "order.completed"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that isn't stored yet. (`origin`, `idempotency_key`) names the request: there is one task of each."""

    task: AcceptedTask
    workflow: str
    origin: Origin
    idempotency_key: str
    request_hash: str = ""


async def insert_task(tx: AsyncConnection, new: NewTask) -> bool:
    """Store the task in the caller's transaction; False if there is one of this key or this id already.

    Once it is committed the task can't be lost: a sweep starts its workflow.
    """
    accepted = new.task.model_dump(mode="json", exclude={"run_id"})
    statement = (
        insert(TASKS)
        .values(
            task_id=new.task.task_id,
            origin=new.origin,
            idempotency_key=new.idempotency_key,
            request_hash=new.request_hash or hashlib.sha256(new.task.model_dump_json().encode()).hexdigest(),
            workflow=new.workflow,
            order_id=new.task.order_id,
            status=TaskStatus.ACCEPTED,
            accepted=accepted,
            timeline=Timeline(version=0).model_dump(mode="json"),
            start_due_at=func.now(),
        )
        .on_conflict_do_nothing()
        .returning(TASKS.c.task_id)
    )
    return (await tx.execute(statement)).first() is not None


class UnpackableError(RequestRefusedError):
    sentence = "lines: {why}."


class UnknownTaskError(RequestRefusedError):
    sentence = "There is no task {task_id}."


class NothingToRetryError(RequestRefusedError):
    sentence = "Task {task_id} is {status}: there is nothing to retry."


class TaskBody(Body):
    """`POST /tasks`: pick and pack these lines. Money is in minor units; the country is where the parcel goes.

    `workflow`: what the task goes through. `order_id`: the order that it is for; no order has two tasks at a time.
    """

    workflow: TaskWorkflow = TaskWorkflow.PROCESSING
    customer: CustomerBody
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=100)]
    total_cents: Annotated[int, Field(ge=1, le=100_000_000_00, strict=True)]
    currency: Currency
    country: Country
    order_id: Text | None = None
    faults: Annotated[tuple[Fault, ...], Field(max_length=50)] = ()


class TaskService:
    """Takes tasks."""

    def __init__(
        self,
        database: AsyncEngine,
        tasks: TaskStore,
        starter: Starter,
        *,
        allows_faults: bool,
        mail_takes_utf8: bool = False,
    ) -> None:
        self._database = database
        self._mail_takes_utf8 = mail_takes_utf8
        self._tasks = tasks
        self._starter = starter
        self._allows_faults = allows_faults

    async def accept(self, idempotency_key: str, body: TaskBody) -> str:
        """Accept the task and return its id; the same key and body get the same id, for good.

        Raises:
            RequestRefusedError: a sentence for the client; nothing was stored.
        """
        hash_now = request_hash(body)
        earlier = await self._tasks.by_key(Origin.HTTP, idempotency_key)
        if earlier is not None:
            return _repeat(earlier, hash_now)
        check_email(body.customer.email, takes_utf8=self._mail_takes_utf8)
        check_fault_plan(body.faults, allows_faults=self._allows_faults, activities=ACTIVITIES, records=RECORDS)
        task = _task_of(body)
        new = NewTask(task, body.workflow, Origin.HTTP, idempotency_key, hash_now)
        async with self._database.begin() as tx:
            stored = await insert_task(tx, new)
        if not stored:
            winner = await self._tasks.by_key(Origin.HTTP, idempotency_key)
            if winner is None:
                raise AssertionError("a task's row is never deleted")
            return _repeat(winner, hash_now)
        self._starter.signal()
        return task.task_id

    async def retry(self, task_id: str) -> TaskStatus:
        """Begin a failed task anew, and return its status; a repeat while it goes on changes nothing.

        Raises:
            UnknownTaskError: there is no such task.
            NothingToRetryError: it has ended well.
        """
        status = await self._tasks.retry(task_id)
        if status is None:
            raise UnknownTaskError(task_id=ascii(task_id))
        if status.has_ended:
            raise NothingToRetryError(task_id=task_id, status=status)
        self._starter.signal()
        return status


def _task_of(body: TaskBody) -> AcceptedTask:
    task = AcceptedTask(
        task_id=f"task-{uuid4().hex}",
        run_id="",
        email=body.customer.email,
        user_id=body.customer.user_id,
        lines=tuple(StockLine(sku=line.sku, quantity=line.quantity) for line in body.lines),
        total_cents=body.total_cents,
        currency=body.currency,
        country=body.country,
        order_id=body.order_id,
        faults=body.faults,
    )
    try:
        check(task)
    except Refused as refusal:
        raise UnpackableError(why=refusal) from refusal
    return task


def _repeat(row: Row[Any], hash_now: str) -> str:
    check_same_request(row, hash_now, "task")
    task_id: str = row.task_id
    return task_id


def task_id_of(order_id: str) -> str:
    """The id of the order's task: the same however often the order's completion is published."""
    return f"task-{order_id}"


async def _pick_and_pack(tx: AsyncConnection, event: Received) -> None:
    order = event.read(OrderEvent)
    task = AcceptedTask(
        task_id=task_id_of(order.order_id),
        run_id="",
        email=order.customer.email,
        user_id=order.customer.user_id,
        lines=order.lines,
        total_cents=order.total_cents,
        currency=order.currency,
        country=order.country,
        order_id=order.order_id,
    )
    await insert_task(tx, NewTask(task, TASK_PROCESSING, Origin.ORDER_COMPLETED, order.order_id))


ORDER_TASKS: Final[dict[EventType, Handler]] = {EventType.ORDER_COMPLETED: _pick_and_pack}
"""The handlers of the events that ask for tasks."""
