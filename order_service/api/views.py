"""How an order's row is shown."""

from typing import Any

from sqlalchemy import Row

from shared.web.views import iso, steps_view


def order_view(row: Row[Any]) -> dict[str, Any]:
    """The row as `GET /orders/{id}` shows it (see `OrderView`)."""
    return {
        "order_id": row.order_id,
        "status": row.status,
        "reason": row.reason,
        "total_cents": row.total_cents,
        "currency": row.currency,
        "lines": row.lines,
        "tracking_number": row.tracking_number,
        "money_at_risk_cents": row.money_at_risk_cents,
        "accepted_at": iso(row.accepted_at),
        "deadline_at": iso(row.deadline_at),
        "ended_at": iso(row.ended_at),
        "approval": row.approval_state,
        "steps": steps_view(row.timeline),
    }
