"""The audit-service's tables; the revisions in `migrations/` create them, and a test keeps the two alike."""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = MetaData()

AUDIT_RECORDS: Final = Table(
    "audit_records",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("content", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)
"""`key` makes a record unique: a repeat of what was recorded appends nothing."""

AUDIT_HEAD: Final = Table(
    "audit_head",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
)
"""One row: the newest record. Only the trigger on `audit_records` moves it, with the rights of the tables' owner."""
