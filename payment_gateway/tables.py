"""The gateway's own books.

`charges`: one row per idempotency key that was ever charged, declined or voided. `reference` is the merchant's (the
saga id), NULL for a key that was voided before any charge. What the gateway holds for a reference:

    SELECT reference, sum(captured_cents - refunded_cents) FROM charges GROUP BY reference

`refunds`: every refund of a charge; their sum is the charge's `refunded_cents`. A void's refund has no key of its own.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData, Table, Text, func

_METADATA: Final = MetaData()

CHARGES: Final = Table(
    "charges",
    _METADATA,
    Column("idempotency_key", Text, primary_key=True),
    Column("charge_id", Text, nullable=False, unique=True),
    Column("reference", Text),
    Column("status", Text, nullable=False),
    Column("amount_cents", BigInteger),
    Column("currency", Text),
    Column("token", Text),
    Column("captured_cents", BigInteger, nullable=False),
    Column("refunded_cents", BigInteger, nullable=False, server_default="0"),
    Column("closed_at", DateTime(timezone=True)),
    Column("sealed_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""`status`: succeeded, declined, or void (closed before any charge). A key with `closed_at` takes no more charges; one
with `sealed_at` neither those nor refunds: the merchant has settled otherwise what it still holds."""

REFUNDS: Final = Table(
    "refunds",
    _METADATA,
    Column("refund_number", BigInteger, Identity(always=True), primary_key=True),
    Column("refund_id", Text, nullable=False, unique=True),
    Column("idempotency_key", Text, unique=True),
    Column("charge_id", Text, nullable=False),
    Column("requested_cents", BigInteger),
    Column("amount_cents", BigInteger, nullable=False),
    Column("total_refunded_cents", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""`requested_cents` is NULL if all that was left was asked for; `total_refunded_cents` includes earlier refunds."""
