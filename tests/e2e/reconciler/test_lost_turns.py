"""Turns of workflows are lost: the engine calls them running, and they take neither result nor event any more."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.workflows.client import EngineAwayError
from tests.e2e.losing_turns import losing, lost_turn_of
from tests.e2e.reconciler.conftest import HURRY, Backstage
from tests.e2e.reconciler.test_recovery import report
from tests.e2e.replacing import instead_of
from tests.e2e.shop import Shop, eventually

ORDERS = 24
DEADLINE_SECONDS = 6
RECOVERED_SECONDS = 120.0
"""After the deadline an event is tried twice, 15 s each; then the order is undone."""


@pytest.mark.timeout(400)
def test_orders_whose_turns_were_lost_are_recovered(shop: Shop, backstage: Backstage) -> None:
    """They end while the turns are lost, and nothing changes when a new sidecar gives these out again."""
    with instead_of(shop.stack, backstage.settings, "order-service", losing("order_service"), HURRY):
        eventually(shop.answers, "the other order-service answers")
        with ThreadPoolExecutor(8) as clients:
            placed = [clients.submit(shop.order, deadline_seconds=DEADLINE_SECONDS) for _ in range(ORDERS)]
        order_ids = [order.result() for order in placed]

        ends = {order_id: shop.end_of(order_id, RECOVERED_SECONDS) for order_id in order_ids}
        recovered = {order_id for order_id, order in ends.items() if "its workflow was lost" in (order["error"] or "")}
        eventually(lambda: recovered <= _recoveries(shop) or None, "the reconciler reports the recoveries")

        shop.stack.kill("order-service-daprd")
        for order_id in order_ids:
            eventually(lambda order_id=order_id: _has_ended(backstage, order_id), f"the first run of {order_id} ends")  # type: ignore[misc] # bound now
        assert ends == {order_id: shop.show(order_id) for order_id in order_ids}, "an old run changed its order"

    assert recovered
    assert recovered <= {order_id for order_id in order_ids if lost_turn_of(order_id)}
    assert {ends[order_id]["status"] for order_id in recovered} == {"compensated"}
    assert {ends[order_id]["status"] for order_id in order_ids if order_id not in recovered} == {"completed"}


def _recoveries(shop: Shop) -> set[str]:
    """The orders that were recovered since they took no event any more."""
    return {
        one["subject"]
        for one in report(shop)["resolved"]
        if one["kind"] == "order_stuck" and "takes no event" in one["seen"] and "recovery" in one["action"]
    }


def _has_ended(backstage: Backstage, order_id: str) -> bool | None:
    try:
        status = backstage.status_of(order_id)
    except EngineAwayError:
        return None
    return status in {"COMPLETED", "FAILED", "TERMINATED", None} or None
