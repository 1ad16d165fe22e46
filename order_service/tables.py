"""The order-service's tables, in its own schema."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = sa.MetaData()

ORDERS: Final = sa.Table(
    "orders",
    METADATA,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("customer", JSONB, nullable=False),
    sa.Column("lines", JSONB, nullable=False),
    sa.Column("total_cents", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("placed", JSONB, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("tracking_number", sa.Text),
    sa.Column("timeline", JSONB, nullable=False),
    sa.Column("timeline_version", sa.Integer, nullable=False, server_default="0"),
    sa.Column("revision", sa.BigInteger, nullable=False, server_default="1"),
    sa.Column("money_at_risk_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("stuck", JSONB, nullable=False, server_default="[]"),
    sa.Column("attention_since", sa.DateTime(timezone=True)),
    sa.Column("start_due_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("deadline_at", sa.DateTime(timezone=True)),
    sa.Column("cancel_requested_at", sa.DateTime(timezone=True)),
    sa.Column("cancel_sent_at", sa.DateTime(timezone=True)),
    sa.Column("cancel_due_at", sa.DateTime(timezone=True)),
    sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("ended_at", sa.DateTime(timezone=True)),
    sa.Column("start_error", sa.Text),
    sa.Column("instance_id", sa.Text),
    sa.Column("taken_over_at", sa.DateTime(timezone=True)),
    sa.Column("recoveries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("recovery_due_at", sa.DateTime(timezone=True)),
    sa.Column("checked_at", sa.DateTime(timezone=True)),
    sa.Column("purge_due_at", sa.DateTime(timezone=True)),
    sa.Column("purged_at", sa.DateTime(timezone=True)),
    sa.Column("events", sa.Integer, nullable=False, server_default="0"),
    sa.Column("parked_version", sa.Integer),
    sa.Column("approval_state", sa.Text),
    sa.Column("approval_since", sa.DateTime(timezone=True)),
    sa.Column("approval_due_at", sa.DateTime(timezone=True)),
    sa.Column("approval_nudge_at", sa.DateTime(timezone=True)),
    sa.Column("approval_by", sa.Text),
    sa.Column("approval_reason", sa.Text),
    sa.Column("held", JSONB),
    sa.Column("returned_cents", sa.BigInteger, nullable=False, server_default="0"),
)
"""One row per order, kept for good: it answers repeats of its Idempotency-Key, and shows all after the purge.

`reason` is one of the sentences for customers (`shared/shop/reasons.py`), `error` the same story for operators.

`placed` is the workflow's input but for its run id; `run_id` is the run of the workflow that owns the order;
`deadline_at` is when an order that isn't completed is undone; `start_due_at` says when to try (again) to start the
workflow of an order that no run has claimed, `start_error` why that failed last; `revision` grows with every change
that a client can see. `stuck` are the compensations that wait for a person, since `attention_since`.

`cancel_due_at`: when to signal a cancel (again) to a workflow that hasn't it yet.

`instance_id` is the workflow instance that owns the order if that isn't the order's own but a recovery, which took it
over at `taken_over_at`; `recoveries` counts those that were started (no instance id is used twice), `recovery_due_at`
is when the next one may be. `checked_at`: when the reconciler last looked for the order's workflow. `purge_due_at`,
`purged_at`: when to remove its workflows from the state store (again), and when that was done. `events` counts what
published of the order, `parked_version` is the version of the timeline with which it was parked last.

`approval_state` is where the approval of a risky order stands (`ApprovalState`), with who decided and why; None: it
needs none. A person can decide from `approval_since` to `approval_due_at`. `held` says why, with score, model version
and threshold. `returned_cents`: what was given back after its completion, of which each part is a row of `returns`.
`approval_nudge_at`: when to signal the workflow (again) to read this; None: it has.
"""

APPROVALS: Final = sa.Table(
    "approvals",
    METADATA,
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("model_version", sa.Text),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False),
    sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""How each approval ended, kept for good. A trigger writes it whenever `approval_state` leaves `waiting`, whatever
statement that was, in its transaction; the database refuses to change or delete one."""

REPAIRS: Final = sa.Table(
    "repairs",
    METADATA,
    sa.Column("repair_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("decision", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
    sa.Column("applied_at", sa.DateTime(timezone=True)),
)
"""A person's decisions, kept for good: who, what, why, and what came of it. The database refuses to delete one.

`status`: requested, sent (the workflow has its event), applied (with `outcome` and `detail`). `due_at` says when to
send (again) the event of a decision that isn't applied yet. A step has one decision at a time that isn't.
"""

RETURNS: Final = sa.Table(
    "returns",
    METADATA,
    sa.Column("return_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, sa.ForeignKey("orders.order_id"), nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
    sa.Column("request_hash", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount_cents", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("recorded_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
"""What was given back of completed orders, kept for good. The database refuses to change or delete one."""

CATALOGUE: Final = sa.Table(
    "catalogue",
    METADATA,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("price_cents", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
"""A mirror of inventory-service's prices, so that an order is priced and accepted while that service is away."""

FINDINGS: Final = sa.Table(
    "findings",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False, server_default=""),
    sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("resolved_at", sa.DateTime(timezone=True)),
)
"""What the reconciler has found: `seen` says what, `action` what was done about it."""

RECONCILER: Final = sa.Table(
    "reconciler",
    METADATA,
    sa.Column("only_row", sa.Boolean, primary_key=True),
    sa.Column("swept_at", sa.DateTime(timezone=True)),
    sa.Column("skipped", sa.Text),
    sa.Column("audit_begun_at", sa.DateTime(timezone=True)),
    sa.Column("audited_at", sa.DateTime(timezone=True)),
    sa.Column("audit_skipped", sa.Text),
)
"""One row: when the last sweep and the last scan ended, and what they could not look at.

`audit_begun_at`: when the last scan began, whether it has ended or not; the next one counts from here.
"""

SCAN_CURSORS: Final = sa.Table(
    "audit_cursors",
    METADATA,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
)
"""How far the scan has come in the table that it reads for this kind of finding. Without a row it begins anew."""
