"""The documents that say whether all adds up: conservation, and what the reconciler found."""

from pydantic import Field

from shared.web.bodies import Moment, View

Money = dict[str, int]
"""Minor units by currency; what adds up to nothing is left out."""


class RuleView(View):
    """A rule of conservation."""

    rule: str
    promise: str


class Violation(RuleView):
    """What breaks the rule: `subject` is the order or SKU, `detail` what was seen."""

    subject: str
    detail: str


class ConservationVerdict(View):
    """Whether conservation holds."""

    holds: bool
    violations: list[Violation]


class OrderAtRisk(View):
    """An order that needs attention. `reason` is for its customer, `error` for operators."""

    order_id: str
    reason: str | None
    error: str | None = None
    money_at_risk_cents: int


class HandClosing(View):
    """What a person closed instead of its compensation: `amount` in `unit`, of a currency its minor units."""

    order_id: str
    step: str
    status: str
    amount: int
    unit: str
    by: str
    note: str
    repair_id: str
    closed_at: Moment


class ConservationReport(ConservationVerdict):
    """`GET /audit/conservation`."""

    orders: int
    orders_open: int
    completed_cents: Money
    ledger_cents: Money
    gateway_cents: Money
    returned_cents: Money = Field(default_factory=dict)
    """Given back of completed orders after their end, as it was recorded."""
    units_received: int
    units_available: int
    units_reserved: int
    parcels_booked: int
    settled_by_hand_cents: Money
    written_off_cents: Money
    units_settled_by_hand: int
    units_written_off: int
    parcels_settled_by_hand: int
    parcels_written_off: int
    orders_by_status: dict[str, int]
    needs_attention: list[OrderAtRisk]
    closed_by_hand: list[HandClosing]
    rules: list[RuleView]


class FindingView(View):
    """A finding: `subject` is the order or saga id, `action` what was done about it, `advice` what a person does."""

    kind: str
    subject: str
    seen: str
    why: str
    action: str
    advice: str
    first_seen_at: Moment
    last_seen_at: Moment
    resolved_at: Moment | None


class ReconciliationReport(View):
    """`GET /audit/reconciliation`: all is `reconciled` if nothing is open and nothing was `skipped`."""

    reconciled: bool
    swept_at: Moment | None
    audited_at: Moment | None
    skipped: str | None
    findings: list[FindingView]
    resolved: list[FindingView]
