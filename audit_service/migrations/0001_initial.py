"""Records that can only be appended, each chained to the one before it.

The trigger that moves the head runs with its owner's rights, so that whoever appends can't move the head by hand. Its
row lock makes appends one at a time, and it refuses a record that isn't the head's next. The head itself moves only
on to a record that is there, also if the owner says otherwise by an ordinary statement.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from shared.participant.migrations import create_call_tables

revision = "0001"
down_revision = None

GENESIS = "0" * 64

MOVES_HEAD = """
CREATE FUNCTION audit_moves_head() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE audit_head SET number = NEW.number, hash = NEW.hash
    WHERE number = NEW.number - 1 AND hash = NEW.previous_hash;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'audit record % is not the next one of the chain', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$
"""

CHECKS_HEAD = """
CREATE FUNCTION audit_checks_head() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit_records
        WHERE number = NEW.number AND hash = NEW.hash AND number = OLD.number + 1 AND previous_hash = OLD.hash
    ) THEN
        RAISE EXCEPTION 'the head of the audit chain only moves on to the record that was appended'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""

REFUSES_CHANGE = """
CREATE FUNCTION audit_refuses_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit records are never changed or removed (% refused)', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END $$
"""

MOVE_HEAD = "CREATE TRIGGER moves_head AFTER INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION audit_moves_head()"
CHECK_HEAD = "CREATE TRIGGER checks_head BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION audit_checks_head()"

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses_change()
"""

ONE_HEAD = """
CREATE TRIGGER one_head BEFORE INSERT OR DELETE OR TRUNCATE ON audit_head
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses_change()
"""


def upgrade() -> None:
    op.create_table(
        "audit_records",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False, index=True),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("number > 0", name="numbers_count_from_one"),
    )
    op.create_table(
        "audit_head",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    head = sa.table("audit_head", sa.column("number"), sa.column("hash"))
    op.execute(sa.insert(head).values(number=0, hash=GENESIS))
    create_call_tables()
    for statement in (MOVES_HEAD, CHECKS_HEAD, REFUSES_CHANGE, MOVE_HEAD, CHECK_HEAD, APPEND_ONLY, ONE_HEAD):
        op.execute(statement)
