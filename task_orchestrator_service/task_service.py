"""The service that takes tasks over HTTP: idempotent, checked, and stored before anybody is told so."""

from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.participant.errors import Refused
from shared.shop.inventory import StockLine
from shared.shop.registry import TASK_CONTRACTS
from shared.shop.task import CLOSE_TASK, AcceptedTask
from shared.web.fault_plans import check_fault_plan
from shared.web.key import check_same_request, request_hash
from shared.web.problems import ProblemError
from task_orchestrator_service.acceptance import NewTask, Origin, insert_task
from task_orchestrator_service.api.bodies import TaskBody
from task_orchestrator_service.rules import check
from task_orchestrator_service.starter import Starter
from task_orchestrator_service.store import TaskStore

ACTIVITIES: Final = frozenset(contract.activity for contract in TASK_CONTRACTS)
RECORDS: Final = frozenset({CLOSE_TASK.activity})


class TaskService:
    """Takes tasks."""

    def __init__(self, engine: AsyncEngine, tasks: TaskStore, starter: Starter, *, allows_faults: bool) -> None:
        self._engine = engine
        self._tasks = tasks
        self._starter = starter
        self._allows_faults = allows_faults

    async def accept(self, idempotency_key: str, body: TaskBody) -> str:
        """Accept the task and return its id; the same key and body get the same id, for good.

        Raises:
            ProblemError: a sentence for the client; nothing was stored.
        """
        hash_now = request_hash(body)
        earlier = await self._tasks.by_key(Origin.HTTP, idempotency_key)
        if earlier is not None:
            return _repeat(earlier, hash_now)
        check_fault_plan(body.faults, allows_faults=self._allows_faults, activities=ACTIVITIES, records=RECORDS)
        task = _task_of(body)
        new = NewTask(task, body.workflow, Origin.HTTP, idempotency_key, hash_now)
        async with self._engine.begin() as tx:
            stored = await insert_task(tx, new)
        if not stored:
            winner = await self._tasks.by_key(Origin.HTTP, idempotency_key)
            if winner is None:
                raise AssertionError("a task's row is never deleted")
            return _repeat(winner, hash_now)
        self._starter.wake()
        return task.task_id


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
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, f"lines: {refusal}.") from refusal
    return task


def _repeat(row: Row[Any], hash_now: str) -> str:
    check_same_request(row, hash_now, "task")
    task_id: str = row.task_id
    return task_id
