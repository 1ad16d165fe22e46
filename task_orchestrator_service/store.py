"""The tasks' rows: every change of a task's status is one transaction here, and can be repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.timeline import Timeline
from shared.participant.errors import Refused
from shared.shop.task import AcceptedTask, AssignTask, CloseTask, TaskAssigned, TaskClosed, TaskStatus
from shared.workflows.rows import WorkflowRows
from task_orchestrator_service.rules import Team, check
from task_orchestrator_service.runs import OpenTask
from task_orchestrator_service.tables import ASSIGNEES, PACKINGS, TASKS

_OPEN: Final = TASKS.c.ended_at.is_(None)
_WAITS: Final = and_(TASKS.c.status == TaskStatus.ACCEPTED, TASKS.c.start_due_at <= func.now())
# Of those that are open the rest, said so that an index finds it, however many wait.
_RUNS: Final = or_(
    TASKS.c.status == TaskStatus.IN_PROGRESS,
    and_(TASKS.c.status == TaskStatus.ACCEPTED, TASKS.c.start_due_at > func.now()),
)
_STARTS: Final = "task_orchestrator_service.starts"
_BEGUN_ANEW: Final = {
    "status": TaskStatus.ACCEPTED,
    "run_id": None,
    "restarts": TASKS.c.restarts + 1,
    "start_due_at": func.now(),
    "seen_lost_at": None,
    "timeline": Timeline(version=0).model_dump(mode="json"),
    "timeline_version": 0,
}
"""Another workflow instance goes through the same steps under the same keys."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The open tasks of one workflow; `oldest_seconds`: how long ago the oldest that waits was accepted."""

    waiting: int = 0
    running: int = 0
    oldest_seconds: float = 0.0


class TaskStore(WorkflowRows):
    """Reads and changes tasks. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        super().__init__(database, TASKS)

    async def by_key(self, origin: str, idempotency_key: str) -> Row[Any] | None:
        """The task that was asked for under this key."""
        mine = (TASKS.c.origin == origin, TASKS.c.idempotency_key == idempotency_key)
        async with self._database.connect() as connection:
            row: Row[Any] | None = (await connection.execute(select(TASKS).where(*mine))).first()
            return row

    async def lease_startable(self, workflow: str, concurrency: int) -> Sequence[Row[Any]]:
        """Tasks whose workflow is to be started now, so that no more than so many of this one run or are started."""
        row = TASKS.c
        running = select(func.count()).where(row.workflow == workflow, _OPEN, _RUNS)
        async with self._database.begin() as tx:
            # Two processes that count at once would both fill what is free.
            await tx.execute(select(func.pg_advisory_xact_lock(func.hashtext(_STARTS))))
            free = concurrency - (await tx.execute(running)).scalar_one()
            return await self._lease(tx, free, row.workflow == workflow, _OPEN) if free > 0 else []

    async def queues(self) -> dict[str, Queue]:
        """What waits and what runs, of each workflow that has open tasks."""
        row = TASKS.c
        oldest = func.extract("epoch", func.now() - func.min(row.accepted_at).filter(_WAITS))
        statement = (
            select(
                row.workflow,
                func.count().filter(_WAITS).label("waiting"),
                func.count().filter(_RUNS).label("running"),
                func.coalesce(oldest, 0).label("oldest"),
            )
            .where(_OPEN)
            .group_by(row.workflow)
        )
        async with self._database.connect() as connection:
            rows = await connection.execute(statement)
            return {one.workflow: Queue(one.waiting, one.running, float(one.oldest)) for one in rows}

    async def claim(self, task_id: str, run_id: str) -> bool:
        """Make this run of the workflow the task's owner, unless another run is, or the task has ended."""
        is_free = or_(TASKS.c.run_id.is_(None), TASKS.c.run_id == run_id)
        statement = (
            update(TASKS)
            .where(TASKS.c.task_id == task_id, _OPEN, is_free)
            .values(run_id=run_id, status=TaskStatus.IN_PROGRESS)
        )
        async with self._database.begin() as tx:
            return bool((await tx.execute(statement)).rowcount)

    async def validate(self, task_id: str, run_id: str) -> None:
        """Check that the task can be done, and take its order.

        Raises:
            Refused: with what to do; nothing was taken.
        """
        async with self._database.begin() as tx:
            row = await _owned(tx, task_id, run_id)
            check(AcceptedTask.model_validate({**row.accepted, "run_id": run_id}))
            if row.order_id is not None:
                await _take_order(tx, row)

    async def assign(self, task_id: str, request: AssignTask, team: Team) -> TaskAssigned:
        """Give the task to whoever of its lane has the fewest; the first answer stands.

        Raises:
            Refused: the task has ended, or another run owns it.
        """
        async with self._database.begin() as tx:
            row = await _owned(tx, task_id, request.run_id)
            if row.assignee is not None:
                return TaskAssigned(assignee=row.assignee, lane=row.lane)
            lane = team.lane_of(request.fraud_score)
            assignee = await _give(tx, team.names_in(lane))
            await tx.execute(update(TASKS).where(TASKS.c.task_id == task_id).values(assignee=assignee, lane=lane))
            return TaskAssigned(assignee=assignee, lane=lane)

    async def close(self, task_id: str, end: CloseTask) -> TaskClosed:
        """Record how the task ended; a failed one gives its order and its assignee back."""
        async with self._database.begin() as tx:
            row = (await tx.execute(select(TASKS).where(TASKS.c.task_id == task_id).with_for_update())).first()
            if row is None:
                return TaskClosed(status=end.status, owned=False)
            if row.ended_at is not None or row.run_id != end.run_id:
                return TaskClosed(status=TaskStatus(row.status), owned=row.run_id == end.run_id)
            values = {
                "status": end.status,
                "reason": end.reason,
                "result": end.result.model_dump(mode="json"),
                "timeline": end.timeline.model_dump(mode="json"),
                "timeline_version": end.timeline.version,
            }
            if end.status is TaskStatus.FAILED:
                values |= await _give_back(tx, row)
            ended = update(TASKS).where(TASKS.c.task_id == task_id).values(ended_at=func.now(), **values)
            await tx.execute(ended)
            return TaskClosed(status=end.status)

    async def fail_lost(self, task: OpenTask, reason: str, confirm_seconds: float) -> bool:
        """Fail a task that was seen to be lost; True once it was so for long enough."""
        async with self._database.begin() as tx:
            row = await _lost_for(tx, task, confirm_seconds)
            if row is None:
                return False
            back = await _give_back(tx, row)
            mine = update(TASKS).where(TASKS.c.task_id == task.task_id)
            await tx.execute(mine.values(status=TaskStatus.FAILED, reason=reason, ended_at=func.now(), **back))
            return True

    async def restart_lost(self, task: OpenTask, confirm_seconds: float) -> bool:
        """Let another run have a task that was seen to be lost; True once it was so for long enough.

        It keeps its order and its assignee: the next run does the same steps under the same keys.
        """
        async with self._database.begin() as tx:
            if await _lost_for(tx, task, confirm_seconds) is None:
                return False
            mine = update(TASKS).where(TASKS.c.task_id == task.task_id)
            await tx.execute(mine.values(**_BEGUN_ANEW))
            return True

    async def retry(self, task_id: str) -> TaskStatus | None:
        """Begin a failed task anew, as another workflow instance; one that goes on or has ended well stays as it is.

        What was done under its keys isn't done twice. Returns its status then; None if there is no such task.
        """
        anew = (
            update(TASKS)
            .where(TASKS.c.task_id == task_id, TASKS.c.status == TaskStatus.FAILED)
            .values(**_BEGUN_ANEW, ended_at=None, reason=None, result={}, purge_due_at=None, purged_at=None)
        )
        async with self._database.begin() as tx:
            await tx.execute(anew)
            status = (await tx.execute(select(TASKS.c.status).where(TASKS.c.task_id == task_id))).scalar_one_or_none()
            return None if status is None else TaskStatus(status)

    async def failed(self) -> dict[str, int]:
        """How many tasks of each workflow have failed, and weren't begun anew."""
        statement = (
            select(TASKS.c.workflow, func.count().label("failed"))
            .where(TASKS.c.status == TaskStatus.FAILED)
            .group_by(TASKS.c.workflow)
        )
        async with self._database.connect() as connection:
            return {row.workflow: row.failed for row in await connection.execute(statement)}

    async def not_lost(self, task_id: str) -> None:
        """The task's workflow is there."""
        seen = update(TASKS).where(TASKS.c.task_id == task_id, TASKS.c.seen_lost_at.is_not(None))
        async with self._database.begin() as tx:
            await tx.execute(seen.values(seen_lost_at=None))

    async def open(self, older_than_seconds: float, limit: int) -> list[OpenTask]:
        """Tasks that were accepted so long ago, don't wait to be started, and haven't ended; the oldest first."""
        row = TASKS.c
        statement = (
            select(row.task_id, row.workflow, row.status, row.run_id, row.restarts)
            .where(_OPEN, row.accepted_at <= func.now() - timedelta(seconds=older_than_seconds), _RUNS)
            .order_by(row.accepted_at)
            .limit(limit)
        )
        async with self._database.connect() as connection:
            rows = await connection.execute(statement)
            return [
                OpenTask(one.task_id, one.workflow, TaskStatus(one.status), one.run_id, one.restarts) for one in rows
            ]


async def _owned(tx: AsyncConnection, task_id: str, run_id: str) -> Row[Any]:
    """The open task of this run, locked."""
    mine = (TASKS.c.task_id == task_id, TASKS.c.run_id == run_id, _OPEN)
    row = (await tx.execute(select(TASKS).where(*mine).with_for_update())).first()
    if row is None:
        raise Refused("the task has ended, or another run of its workflow took it over")
    return row


async def _lost_for(tx: AsyncConnection, task: OpenTask, confirm_seconds: float) -> Row[Any] | None:
    """The task, locked, if no other run has it meanwhile and it has been seen to be lost for so long; or note that."""
    same = (
        TASKS.c.task_id == task.task_id,
        TASKS.c.run_id.is_not_distinct_from(task.run_id),
        TASKS.c.restarts == task.restarts,
        _OPEN,
    )
    is_sure = (TASKS.c.seen_lost_at <= func.now() - timedelta(seconds=confirm_seconds)).label("is_sure")
    row = (await tx.execute(select(TASKS, is_sure).where(*same).with_for_update())).first()
    if row is None or row.is_sure:
        return row
    seen = update(TASKS).where(TASKS.c.task_id == task.task_id)
    await tx.execute(seen.values(seen_lost_at=func.coalesce(TASKS.c.seen_lost_at, func.now())))
    return None


async def _take_order(tx: AsyncConnection, row: Row[Any]) -> None:
    key = {"order_id": row.order_id, "workflow": row.workflow}
    await tx.execute(insert(PACKINGS).values(task_id=row.task_id, **key).on_conflict_do_nothing())
    holder = select(PACKINGS.c.task_id).where(*(PACKINGS.c[name] == value for name, value in key.items()))
    other = (await tx.execute(holder)).scalar_one_or_none()
    if other != row.task_id:
        raise Refused(
            f"order {row.order_id} has task {other or 'of another request'} already: look at that one instead"
        )


async def _give(tx: AsyncConnection, names: tuple[str, ...]) -> str:
    await tx.execute(insert(ASSIGNEES).values([{"name": name} for name in sorted(names)]).on_conflict_do_nothing())
    fewest = (
        select(ASSIGNEES.c.name)
        .where(ASSIGNEES.c.name.in_(names))
        .order_by(ASSIGNEES.c.assigned, ASSIGNEES.c.name)
        .limit(1)
        .with_for_update()
    )
    name: str = (await tx.execute(fewest)).scalar_one()
    more = update(ASSIGNEES).where(ASSIGNEES.c.name == name).values(assigned=ASSIGNEES.c.assigned + 1)
    await tx.execute(more)
    return name


async def _give_back(tx: AsyncConnection, row: Row[Any]) -> dict[str, None]:
    """Free what a failed task held; the columns to be emptied."""
    await tx.execute(delete(PACKINGS).where(PACKINGS.c.task_id == row.task_id))
    if row.assignee is not None:
        less = case((ASSIGNEES.c.assigned > 0, ASSIGNEES.c.assigned - 1), else_=0)
        await tx.execute(update(ASSIGNEES).where(ASSIGNEES.c.name == row.assignee).values(assigned=less))
    return {"assignee": None, "lane": None}
