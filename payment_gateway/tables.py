"""The gateway's own books.

`charges`: one row per idempotency key that was ever charged, declined or voided. `reference` is the merchant's (the
saga id), NULL for a key that was voided before any charge. What the gateway holds for a reference:

    SELECT reference, sum(captured_cents - refunded_cents) FROM charges GROUP BY reference

`refunds`: every refund of a charge; their sum is the charge's `refunded_cents`. A void's refund has no key of its own.
"""

from typing import Final

import sqlalchemy as sa

_METADATA: Final = sa.MetaData()

CHARGES: Final = sa.Table(
    "charges",
    _METADATA,
    sa.Column("idempotency_key", sa.Text, primary_key=True),
    sa.Column("charge_id", sa.Text, nullable=False, unique=True),
    sa.Column("reference", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("token", sa.Text),
    sa.Column("captured_cents", sa.BigInteger, nullable=False),
    sa.Column("refunded_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.Column("sealed_at", sa.DateTime(timezone=True)),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""`status`: succeeded, declined, or void (closed before any charge). A key with `closed_at` takes no more charges; one
with `sealed_at` neither those nor refunds: the merchant has settled otherwise what it still holds."""

REFUNDS: Final = sa.Table(
    "refunds",
    _METADATA,
    sa.Column("refund_number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("refund_id", sa.Text, nullable=False, unique=True),
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("charge_id", sa.Text, nullable=False),
    sa.Column("requested_cents", sa.BigInteger),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),
    sa.Column("total_refunded_cents", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""`requested_cents` is NULL if all that was left was asked for; `total_refunded_cents` includes earlier refunds."""
