"""How often a task was begun anew, since its workflow had stopped taking in what happens."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("restarts", sa.Integer, nullable=False, server_default="0"))
    op.drop_index("tasks_in_progress", "tasks")
    op.create_index("tasks_open", "tasks", ["accepted_at"], postgresql_where=sa.text("ended_at IS NULL"))
