"""The audit-service's tables; the revisions in `migrations/` create them, and a test keeps the two alike."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData()

AUDIT_RECORDS: Final = sa.Table(
    "audit_records",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("content", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("previous_hash", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
"""`key` makes a record unique: a repeat of what was recorded appends nothing."""

AUDIT_HEAD: Final = sa.Table(
    "audit_head",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.Text, nullable=False),
)
"""One row: the newest record. Only the trigger on `audit_records` moves it, with the rights of the tables' owner."""
