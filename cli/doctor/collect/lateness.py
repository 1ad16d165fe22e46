"""Looks for orders that are open past their deadline, and for what their workflows do."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import aiohttp

from cli.doctor.collect.http import ask, ask_well
from cli.doctor.evidence import App, LateOrder

OPEN = ("accepted", "in_progress")
LOOKED_AT = 200
"""The newest of each status; where more are open, some of these are late, too."""
SHOWN = 20
GRACE_SECONDS = 5.0
"""An order that ends at its deadline still has to be undone."""


async def late_orders(session: aiohttp.ClientSession, orders: App) -> list[LateOrder]:
    """The order-service's late orders, the longest overdue first.

    Raises:
        NoAnswerError: it doesn't list them.
    """
    url = orders.target.service_url
    # By the service's clock, which set the deadlines.
    now = datetime.now(UTC).timestamp() + orders.clock_ahead_seconds
    late: list[tuple[float, dict[str, Any]]] = []
    for status in OPEN:
        page = await ask_well(session, "GET", f"{url}/orders?status={status}&limit={LOOKED_AT}")
        late += [(seconds, order) for seconds, order in _overdue(page["items"], now) if order["approval"] != "waiting"]
    late.sort(key=lambda one: -one[0])
    return [await _described(session, orders, order, seconds) for seconds, order in late[:SHOWN]]


def _overdue(orders: list[dict[str, Any]], now: float) -> Iterator[tuple[float, dict[str, Any]]]:
    for order in orders:
        if order["deadline_at"] is not None:
            seconds = now - datetime.fromisoformat(order["deadline_at"]).timestamp()
            if seconds > GRACE_SECONDS:
                yield seconds, order


async def _described(
    session: aiohttp.ClientSession, orders: App, order: dict[str, Any], late_seconds: float
) -> LateOrder:
    step = order["steps"][-1] if order["steps"] else None
    answer = await ask(session, "GET", f"{orders.target.sidecar_url}/v1.0/workflows/dapr/{order['order_id']}")
    known = answer.is_ok and isinstance(answer.body, dict)
    return LateOrder(
        order_id=order["order_id"],
        status=order["status"],
        late_seconds=late_seconds,
        step=step and step["name"],
        step_app=step and step["app_id"],
        error=step and step["error"],
        workflow=answer.body.get("runtimeStatus", "unknown") if known else "not known to the engine",
    )
