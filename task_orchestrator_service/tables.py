"""The task-orchestrator-service's tables, beside the inbox; the revisions in `migrations/` create them."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = MetaData()

TASKS: Final = Table(
    "tasks",
    METADATA,
    Column("task_id", Text, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("request_hash", Text, nullable=False),
    Column("workflow", Text, nullable=False),
    Column("order_id", Text),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("accepted", JSONB, nullable=False),
    Column("result", JSONB, nullable=False, server_default="{}"),
    Column("run_id", Text),
    Column("timeline", JSONB, nullable=False),
    Column("timeline_version", Integer, nullable=False, server_default="0"),
    Column("assignee", Text),
    Column("lane", Text),
    Column("start_due_at", DateTime(timezone=True), nullable=False),
    Column("start_error", Text),
    Column("accepted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
    Column("seen_lost_at", DateTime(timezone=True)),
    Column("restarts", Integer, nullable=False, server_default="0"),
    Column("purge_due_at", DateTime(timezone=True)),
    Column("purged_at", DateTime(timezone=True)),
    UniqueConstraint("origin", "idempotency_key", name="tasks_origin_idempotency_key_key"),
    Index("tasks_newest_first", text("accepted_at DESC"), text("task_id DESC")),
    Index("tasks_by_status", "status", text("accepted_at DESC"), text("task_id DESC")),
    Index("tasks_to_start", "start_due_at", postgresql_where=text("status = 'accepted'")),
    Index("tasks_open", "accepted_at", postgresql_where=text("ended_at IS NULL")),
    Index(
        "tasks_open_of_workflow",
        "workflow",
        "status",
        "start_due_at",
        postgresql_where=text("ended_at IS NULL"),
        postgresql_include=["accepted_at"],
    ),
    Index(
        "tasks_to_look_at_for_purge",
        "ended_at",
        postgresql_where=text("purge_due_at IS NULL AND purged_at IS NULL AND ended_at IS NOT NULL"),
    ),
    Index(
        "tasks_to_purge_again",
        "purge_due_at",
        postgresql_where=text("purged_at IS NULL AND purge_due_at IS NOT NULL"),
    ),
)
"""One row per task, kept for good: it answers repeats of its key, and shows all after the purge.

`origin` is who asked for the task (`http`, or the event's type), so that no client's key is ever taken for an event's.
`accepted` is the workflow's input but for its run id; `run_id` is the run of the workflow that owns the task;
`start_due_at` says when to try (again) to start the workflow of a task that no run has claimed, `start_error` why that
failed last. `seen_lost_at`: since when the engine says that the task's workflow is gone, or the workflow takes no
event; `restarts`: so often the task was begun anew for that, each time as another workflow instance.
"""

PACKINGS: Final = Table(
    "packings",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("workflow", Text, primary_key=True),
    Column("task_id", Text, ForeignKey("tasks.task_id"), nullable=False),
    Index("packings_of_task", "task_id"),
)
"""Which task has an order, of each workflow: no order is packed twice. A task that fails gives its order back."""

ASSIGNEES: Final = Table(
    "assignees",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("assigned", BigInteger, nullable=False, server_default="0"),
)
"""How many tasks each was given and still has or has done: the next one goes to whoever has the fewest."""
