"""Indexes of the sweeps: what runs or waits of a workflow, what ended and was never looked at, what was put off."""

from shared.migrations.indexes import create_index, drop_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_index(
        "tasks_open_of_workflow",
        "tasks",
        ["workflow", "status", "start_due_at"],
        "ended_at IS NULL",
        include=["accepted_at"],
    )
    create_index(
        "tasks_to_look_at_for_purge",
        "tasks",
        ["ended_at"],
        "purge_due_at IS NULL AND purged_at IS NULL AND ended_at IS NOT NULL",
    )
    create_index("tasks_to_purge_again", "tasks", ["purge_due_at"], "purged_at IS NULL AND purge_due_at IS NOT NULL")
    # The older version asks for both at once. Without this index its sweep reads all tasks, until it is replaced.
    drop_index("tasks_to_purge", "tasks")
