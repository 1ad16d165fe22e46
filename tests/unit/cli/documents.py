"""Documents of the shop as the command line reads them."""

from datetime import UTC, datetime
from typing import Any

from shared.contracts.timeline import StepRecord
from shared.shop.inventory import ProductView
from shared.shop.reports import ConservationReport
from shared.shop.views import OrderView

ACCEPTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def an_order_view(**changes: object) -> OrderView:
    """A completed order, with some fields changed."""
    order: dict[str, Any] = {
        "order_id": "ord-1",
        "status": "completed",
        "reason": None,
        "total_cents": 100,
        "currency": "EUR",
        "lines": [],
        "tracking_number": None,
        "money_at_risk_cents": 0,
        "accepted_at": ACCEPTED_AT,
        "deadline_at": None,
        "ended_at": ACCEPTED_AT.replace(second=1),
        "approval": None,
        "steps": (),
    }
    return OrderView.model_validate({**order, **changes})


def a_step(name: str, kind: str, outcome: str, **changes: object) -> StepRecord:
    step = {"name": name, "app_id": "x", "kind": kind, "outcome": outcome, "attempts": 1, "started_at": ACCEPTED_AT}
    return StepRecord.model_validate({**step, **changes})


def a_product(sku: str, available: int, currency: str = "EUR") -> ProductView:
    return ProductView(sku=sku, name=sku, price_cents=100, currency=currency, available=available)


def a_conservation(**changes: object) -> ConservationReport:
    """The report on a shop that nobody has ordered from, with some fields changed."""
    nothing: dict[str, Any] = {
        name: 0 for name, field in ConservationReport.model_fields.items() if field.annotation is int
    }
    money: dict[str, Any] = {name: {} for name in ConservationReport.model_fields if name.endswith("_cents")}
    lists: dict[str, Any] = {"violations": [], "needs_attention": [], "closed_by_hand": [], "rules": []}
    return ConservationReport.model_validate(
        {**nothing, **money, **lists, "holds": True, "orders_by_status": {}, **changes}
    )
