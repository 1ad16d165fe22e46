"""Accepts a task, from whomever it comes: stored before it is confirmed, under a key of its own."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.timeline import Timeline
from shared.shop.task import AcceptedTask, TaskStatus
from task_orchestrator_service.tables import TASKS


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
            request_hash=new.request_hash or fingerprint(new.task.model_dump_json()),
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


def fingerprint(text: str) -> str:
    """What tells one request from another."""
    return hashlib.sha256(text.encode()).hexdigest()
