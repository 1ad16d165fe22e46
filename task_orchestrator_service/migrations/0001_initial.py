"""The tasks, who has them, and the inbox of the events that ask for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.migrations.tables import create_inbox
from shared.participant.migrations import create_call_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_inbox()
    create_call_tables()
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "tasks",
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
        sa.Column("start_due_at", moment, nullable=False),
        sa.Column("start_error", sa.Text),
        sa.Column("accepted_at", moment, nullable=False, server_default=sa.func.now()),
        sa.Column("ended_at", moment),
        sa.Column("seen_lost_at", moment),
        sa.Column("purge_due_at", moment),
        sa.Column("purged_at", moment),
        sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("origin", "idempotency_key", name="tasks_origin_idempotency_key_key"),
        sa.CheckConstraint(
            "status IN ('accepted', 'in_progress', 'completed', 'audited', 'failed')", name="status_is_known"
        ),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('completed', 'audited', 'failed'))", name="ended_has_a_time"
        ),
        sa.CheckConstraint("(reason IS NOT NULL) = (status = 'failed')", name="a_failure_has_its_reason"),
        sa.CheckConstraint("(assignee IS NULL) = (lane IS NULL)", name="assigned_in_a_lane"),
    )
    op.create_index("tasks_newest_first", "tasks", [sa.text("accepted_at DESC"), sa.text("task_id DESC")])
    op.create_index("tasks_by_status", "tasks", ["status", sa.text("accepted_at DESC"), sa.text("task_id DESC")])
    op.create_index("tasks_to_start", "tasks", ["start_due_at"], postgresql_where=sa.text("status = 'accepted'"))
    op.create_index("tasks_open", "tasks", ["accepted_at"], postgresql_where=sa.text("ended_at IS NULL"))
    op.create_index(
        "tasks_open_of_workflow",
        "tasks",
        ["workflow", "status", "start_due_at"],
        postgresql_where=sa.text("ended_at IS NULL"),
        postgresql_include=["accepted_at"],
    )
    op.create_index(
        "tasks_to_look_at_for_purge",
        "tasks",
        ["ended_at"],
        postgresql_where=sa.text("purge_due_at IS NULL AND purged_at IS NULL AND ended_at IS NOT NULL"),
    )
    op.create_index(
        "tasks_to_purge_again",
        "tasks",
        ["purge_due_at"],
        postgresql_where=sa.text("purged_at IS NULL AND purge_due_at IS NOT NULL"),
    )
    op.create_table(
        "packings",
        sa.Column("order_id", sa.Text, primary_key=True),
        sa.Column("workflow", sa.Text, primary_key=True),
        sa.Column("task_id", sa.Text, sa.ForeignKey("tasks.task_id"), nullable=False),
    )
    op.create_index("packings_of_task", "packings", ["task_id"])
    op.create_table(
        "assignees",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("assigned", sa.BigInteger, nullable=False, server_default="0"),
        sa.CheckConstraint("assigned >= 0", name="nobody_has_less_than_nothing"),
    )
