"""The order-service's tables, in its own schema."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, ForeignKey, Integer, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

METADATA: Final = MetaData()

ORDERS: Final = Table(
    "orders",
    METADATA,
    Column("order_id", Text, primary_key=True),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("request_hash", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("customer", JSONB, nullable=False),
    Column("lines", JSONB, nullable=False),
    Column("total_cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("placed", JSONB, nullable=False),
    Column("run_id", Text),
    Column("tracking_number", Text),
    Column("timeline", JSONB, nullable=False),
    Column("timeline_version", Integer, nullable=False, server_default="0"),
    Column("revision", BigInteger, nullable=False, server_default="1"),
    Column("money_at_risk_cents", BigInteger, nullable=False, server_default="0"),
    Column("stuck", JSONB, nullable=False, server_default="[]"),
    Column("attention_since", DateTime(timezone=True)),
    Column("start_due_at", DateTime(timezone=True), nullable=False),
    Column("deadline_at", DateTime(timezone=True)),
    Column("cancel_requested_at", DateTime(timezone=True)),
    Column("cancel_sent_at", DateTime(timezone=True)),
    Column("cancel_due_at", DateTime(timezone=True)),
    Column("accepted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("ended_at", DateTime(timezone=True)),
    Column("start_error", Text),
    Column("instance_id", Text),
    Column("taken_over_at", DateTime(timezone=True)),
    Column("recoveries", Integer, nullable=False, server_default="0"),
    Column("recovery_due_at", DateTime(timezone=True)),
    Column("checked_at", DateTime(timezone=True)),
    Column("purge_due_at", DateTime(timezone=True)),
    Column("purged_at", DateTime(timezone=True)),
    Column("events", Integer, nullable=False, server_default="0"),
    Column("parked_version", Integer),
    Column("approval_state", Text),
    Column("approval_since", DateTime(timezone=True)),
    Column("approval_due_at", DateTime(timezone=True)),
    Column("approval_nudge_at", DateTime(timezone=True)),
    Column("approval_by", Text),
    Column("approval_reason", Text),
    Column("held", JSONB),
)
"""One row per order, kept for good: it answers repeats of its Idempotency-Key, and shows all after the purge.

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
and threshold. `approval_nudge_at`: when to signal the workflow (again) to read this; None: it has.
"""

APPROVALS: Final = Table(
    "approvals",
    METADATA,
    Column("order_id", Text, ForeignKey("orders.order_id"), primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("decided_by", Text),
    Column("reason", Text),
    Column("why", Text, nullable=False),
    Column("score", Float),
    Column("model_version", Text),
    Column("threshold", Float, nullable=False),
    Column("waiting_since", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""How each approval ended, kept for good. A trigger writes it whenever `approval_state` leaves `waiting`, whatever
statement that was, in its transaction; the database refuses to change or delete one."""

REPAIRS: Final = Table(
    "repairs",
    METADATA,
    Column("repair_id", Text, primary_key=True),
    Column("order_id", Text, ForeignKey("orders.order_id"), nullable=False),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("request_hash", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    Column("detail", Text),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("sent_at", DateTime(timezone=True)),
    Column("applied_at", DateTime(timezone=True)),
)
"""A person's decisions, kept for good: who, what, why, and what came of it. The database refuses to delete one.

`status`: requested, sent (the workflow has its event), applied (with `outcome` and `detail`). `due_at` says when to
send (again) the event of a decision that isn't applied yet. A step has one decision at a time that isn't.
"""

CATALOGUE: Final = Table(
    "catalogue",
    METADATA,
    Column("sku", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
"""A mirror of inventory-service's prices, so that an order is priced and accepted while that service is away."""

FINDINGS: Final = Table(
    "findings",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("seen", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=""),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("resolved_at", DateTime(timezone=True)),
)
"""What the reconciler has found: `seen` says what, `action` what was done about it."""

RECONCILER: Final = Table(
    "reconciler",
    METADATA,
    Column("only_row", Boolean, primary_key=True),
    Column("swept_at", DateTime(timezone=True)),
    Column("skipped", Text),
    Column("audit_begun_at", DateTime(timezone=True)),
    Column("audited_at", DateTime(timezone=True)),
    Column("audit_skipped", Text),
)
"""One row: when the last sweep and the last scan ended, and what they could not look at.

`audit_begun_at`: when the last scan began, whether it has ended or not; the next one counts from here.
"""

SCAN_CURSORS: Final = Table(
    "audit_cursors",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("key", Text, nullable=False),
)
"""How far the scan has come in the table that it reads for this kind of finding. Without a row it begins anew."""
