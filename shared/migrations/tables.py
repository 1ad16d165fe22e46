"""What revisions make: inbox, outbox, and indexes of tables that are large and in use, while others write."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

RELAY = "event_relay"


def create_inbox() -> None:
    """Create `inbox` and `inbox_cursors` (see `shared.events.inbox`)."""
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state IN ('open', 'done', 'dead')", name="state_is_known"),
        sa.CheckConstraint("(state = 'open') = (settled_at IS NULL)", name="settled_has_its_time"),
    )
    op.create_index("inbox_in_order", "inbox", ["source", "subject", "sequence"])
    create_inbox_cursors()


def create_inbox_cursors() -> None:
    """Create `inbox_cursors`, which every subscription needs for its heartbeats."""
    op.create_table(
        "inbox_cursors",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )


def create_outbox(owner: str) -> None:
    """Create `outbox` (see `shared.events.outbox`) in the schema of the service `owner`, such as `order_service`."""
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("data", JSONB, nullable=False),
        sa.Column(
            "occurred_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("clock_timestamp()")
        ),
        sa.CheckConstraint("sequence > 0", name="sequences_count_from_one"),
        # Rows come and go: what is left of those that went makes each look at the table slower.
        postgresql_with={"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "500"},
    )
    admit_relay(owner)


def admit_relay(owner: str) -> None:
    """Let the relay read and delete the rows of the outbox, and nothing else of this service.

    Its role is named as the service's own, with `event_relay` in place of the service's name. With other names of
    roles, grant the same by hand.
    """
    op.execute(
        f"""
        DO $$
        DECLARE
            relay text := regexp_replace(current_user, '{owner}$', '{RELAY}');
        BEGIN
            IF relay <> current_user AND EXISTS (SELECT FROM pg_roles WHERE rolname = relay) THEN
                EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), relay);
                EXECUTE format('GRANT SELECT, DELETE ON outbox TO %I', relay);
            END IF;
        END $$
        """
    )


def create_index(  # noqa: PLR0913 - what makes an index
    name: str,
    table: str,
    columns: Sequence[str | sa.TextClause],
    where: str | None = None,
    *,
    include: Sequence[str] = (),
    unique: bool = False,
) -> None:
    """Create an index while others go on writing; may be repeated, and ends the revision's transaction.

    It waits for all transactions that are older than it, which holds up nobody. `include`: columns that are only read.
    """
    with _beside_others():
        # What a try that was cut off has left is no index.
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            name,
            table,
            [*columns],
            unique=unique,
            postgresql_concurrently=True,
            postgresql_where=None if where is None else sa.text(where),
            postgresql_include=[*include],
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index while others go on using its table; may be repeated, and ends the revision's transaction."""
    with _beside_others():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _beside_others() -> Iterator[None]:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")
