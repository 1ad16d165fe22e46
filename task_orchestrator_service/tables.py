"""The task-orchestrator-service's tables, beside the inbox; the revisions in `migrations/` create them."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData()

TASKS: Final = sa.Table(
    "tasks",
    METADATA,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("accepted", JSONB, nullable=False),
    sa.Column("result", JSONB, nullable=False, server_default="{}"),
    sa.Column("run_id", sa.Text),
    sa.Column("timeline", JSONB, nullable=False),
    sa.Column("timeline_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("assignee", sa.Text),
    sa.Column("lane", sa.Text),
    sa.Column("start_due_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("start_error", sa.Text),
    sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("seen_lost_at", sa.DateTime(timezone=True)),
    sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("purge_due_at", sa.DateTime(timezone=True)),
    sa.Column("purged_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("origin", "idempotency_key", name="tasks_origin_idempotency_key_key"),
    sa.Index("tasks_newest_first", sa.text("accepted_at DESC"), sa.text("task_id DESC")),
    sa.Index("tasks_by_status", "status", sa.text("accepted_at DESC"), sa.text("task_id DESC")),
    sa.Index("tasks_to_start", "start_due_at", postgresql_where=sa.text("status = 'accepted'")),
    sa.Index("tasks_open", "accepted_at", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index(
        "tasks_open_of_workflow",
        "workflow",
        "status",
        "start_due_at",
        postgresql_where=sa.text("ended_at IS NULL"),
        postgresql_include=["accepted_at"],
    ),
    sa.Index(
        "tasks_to_look_at_for_purge",
        "ended_at",
        postgresql_where=sa.text("purge_due_at IS NULL AND purged_at IS NULL AND ended_at IS NOT NULL"),
    ),
    sa.Index(
        "tasks_to_purge_again",
        "purge_due_at",
        postgresql_where=sa.text("purged_at IS NULL AND purge_due_at IS NOT NULL"),
    ),
)
"""One row per task, kept for good: it answers repeats of its key, and shows all after the purge.

`origin` is who asked for the task (`http`, or the event's type), so that no client's key is ever taken for an event's.
`accepted` is the workflow's input but for its run id; `run_id` is the run of the workflow that owns the task;
`start_due_at` says when to try (again) to start the workflow of a task that no run has claimed, `start_error` why that
failed last. `seen_lost_at`: since when the engine says that the task's workflow is gone, or the workflow takes no
event; `restarts`: so often the task was begun anew for that, each time as another workflow instance.
"""

PACKINGS: Final = sa.Table(
    "packings",
    METADATA,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("workflow", sa.Text, primary_key=True),
    sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    sa.Index("packings_of_task", "task_id"),
)
"""Which task has an order, of each workflow: no order is packed twice. A task that fails gives its order back."""

ASSIGNEES: Final = sa.Table(
    "assignees",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("assigned", sa.BigInteger, nullable=False, server_default="0"),
)
"""How many tasks each was given and still has or has done: the next one goes to whoever has the fewest."""
