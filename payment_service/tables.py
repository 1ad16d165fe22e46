"""The payment-service's tables, beside the fence (`saga_steps`, see `shared.participant.fence`).

`payments`: one row per (saga, step) that asked for money; a step that was undone before it came has none.

`ledger_entries`: the double-entry ledger, append-only. A posting is two entries with one `transaction_id`, of opposite
sign, so that each transaction and the whole ledger sum to zero. There is at most one posting per (saga, step, kind):

    kind         gateway_clearing   customer_orders   settled_by_hand, written_off
    charge           + amount           - amount                                     the gateway owes us what was paid
    refund           - amount           + amount                                     and neither after it was given back
    settlement                          + amount          - amount                   a person gives it back otherwise
    write_off                           + amount                       - amount      a person decided that it stays

What the shop holds for a saga, which is what the gateway's own books must say, too:

    SELECT saga_id, sum(amount_cents) FROM ledger_entries WHERE account = 'gateway_clearing' GROUP BY saga_id
"""

from enum import StrEnum
from typing import Final

import sqlalchemy as sa


class PaymentStatus(StrEnum):
    """How far a payment has come."""

    PENDING = "pending"
    """The gateway is being asked, or its answer was lost."""
    CAPTURED = "captured"
    REFUSED = "refused"
    REFUNDED = "refunded"
    """It was charged, and all of it was given back."""
    VOIDED = "voided"
    """It was never charged and never will be."""
    SETTLED = "settled"
    """It was charged, and a person gives back by hand what wasn't refunded."""
    WRITTEN_OFF = "written_off"
    """It was charged, and a person decided that what wasn't refunded stays."""


class EntryKind(StrEnum):
    """What a posting records."""

    CHARGE = "charge"
    REFUND = "refund"
    SETTLEMENT = "settlement"
    WRITE_OFF = "write_off"


class Account(StrEnum):
    """The ledger's accounts."""

    GATEWAY_CLEARING = "gateway_clearing"
    """What the gateway has captured for us and not given back."""
    CUSTOMER_ORDERS = "customer_orders"
    """What customers have paid for their orders."""
    SETTLED_BY_HAND = "settled_by_hand"
    """What customers of undone orders get back by hand; the cash book has the other side."""
    WRITTEN_OFF = "written_off"
    """What customers of undone orders don't get back."""


PAYMENTS: Final = sa.Table(
    "payments",
    sa.MetaData(),
    sa.Column("payment_id", sa.Text, primary_key=True),
    sa.Column("saga_id", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("charge_id", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
