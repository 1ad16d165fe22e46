"""The outbox table of every service that publishes events, and the relay's right to read and delete them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

RELAY = "event_relay"


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
