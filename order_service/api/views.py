"""How an order's row is shown."""

from typing import Any

from sqlalchemy import Row

from shared.shop.views import OrderView


def order_view(row: Row[Any]) -> OrderView:
    """The order, from its row."""
    return OrderView.model_validate({**row._asdict(), "approval": row.approval_state, "steps": row.timeline["steps"]})
