"""Workflows are really purged, terminated, paused and stuck; their orders end all the same, and nothing is doubled."""

import shutil
from typing import Any
from uuid import uuid4

import pytest

from shared.shop.order import ORDER_RECOVERY_WORKFLOW, PlacedOrder, RecoverOrder
from tests.e2e.reconciler.conftest import Backstage
from tests.e2e.shop import DO, UNDO, Shop, eventually, fault, held, outcomes


def report(shop: Shop) -> dict[str, Any]:
    answer = shop.call("GET", "/audit/reconciliation")
    assert answer.status == 200, answer
    body: dict[str, Any] = answer.body
    return body


def found(shop: Shop, kind: str, subject: str, where: str = "findings") -> dict[str, Any]:
    """The finding, as soon as it is among the open (or the resolved) ones."""

    def look() -> dict[str, Any] | None:
        return next((one for one in report(shop)[where] if (one["kind"], one["subject"]) == (kind, subject)), None)

    return eventually(look, f"{kind} of {subject} is among the {where}")


def undone(order: dict[str, Any]) -> list[tuple[str, str]]:
    return [one for one in outcomes(order) if one[0] in UNDO.values()]


ALL_UNDONE = [(UNDO[step], "done") for step in reversed(DO)]


def test_a_workflow_that_was_terminated_and_purged_is_recovered(shop: Shop, backstage: Backstage) -> None:
    """Nobody would ever have refunded the payment; a recovery takes the order over and undoes every step."""
    order_id = shop.order(fault("book_shipment", "delay", seconds=4))
    shop.reaches(order_id, "book_shipment")
    backstage.terminate(order_id)
    backstage.purge(order_id)

    finding = found(shop, "workflow_gone", order_id)
    order = shop.end_of(order_id)

    assert "the engine has no workflow" in finding["seen"]
    assert ("compensated", ALL_UNDONE) == (order["status"], undone(order))
    assert ("book_shipment", "unknown") in outcomes(order)
    assert "its workflow was lost" in order["error"]
    assert f"{order_id}-recovery-1" in found(shop, "workflow_gone", order_id, "resolved")["action"]


def test_the_customers_cancel_is_kept_when_the_workflow_is_lost(shop: Shop, backstage: Backstage) -> None:
    """The order was cancelled, then its workflow terminated: it ends as cancelled."""
    order_id = shop.order(fault("process_payment", "delay", seconds=4))
    shop.reaches(order_id, "process_payment")
    backstage.terminate(order_id)

    assert shop.call("POST", f"/orders/{order_id}/cancel").status == 202

    order = shop.end_of(order_id)
    assert ("cancelled", ALL_UNDONE) == (order["status"], undone(order))


def test_a_recovery_that_is_lost_is_recovered(shop: Shop, backstage: Backstage) -> None:
    """Under an instance id that was never used."""
    order_id = shop.order(fault("book_shipment", "delay", seconds=3), fault("refund_payment", "delay", seconds=6))
    shop.reaches(order_id, "book_shipment")
    backstage.terminate(order_id)
    shop.reaches(order_id, "refund_payment")
    backstage.terminate(f"{order_id}-recovery-1")
    backstage.purge(f"{order_id}-recovery-1")

    order = shop.end_of(order_id)

    assert "compensated" == order["status"]
    assert ALL_UNDONE == undone(order)[-len(ALL_UNDONE) :]


@pytest.mark.parametrize("times", [1, 2])
def test_a_paused_workflow_is_reported_and_left_alone(shop: Shop, backstage: Backstage, times: int) -> None:
    """Somebody has paused it on purpose; once it is resumed the order goes on. Twice is as good as once."""
    order_id = shop.order(fault("book_shipment", "delay", seconds=2))
    shop.reaches(order_id, "book_shipment")
    for _ in range(times):
        backstage.engine(lambda client: client.pause_workflow(order_id))

    assert "suspended" in found(shop, "workflow_paused", order_id)["seen"]
    for _ in range(times):
        backstage.engine(lambda client: client.resume_workflow(order_id))

    assert shop.end_of(order_id)["status"] == "completed"
    found(shop, "workflow_paused", order_id, "resolved")


def test_an_order_that_cannot_be_started_is_reported(shop: Shop) -> None:
    """With the engine's own words; it starts by itself when the engine is back."""
    with held(shop.stack, "order-service-daprd"):
        order_id = shop.order()
        finding = found(shop, "order_not_started", order_id)
        assert not report(shop)["reconciled"]

    assert "the engine says" in finding["seen"]
    assert shop.end_of(order_id)["status"] == "completed"
    found(shop, "order_not_started", order_id, "resolved")


@pytest.mark.parametrize("step", [*DO, "complete_order"])
def test_a_run_that_was_only_slow_changes_nothing_once_it_was_replaced(
    shop: Shop, backstage: Backstage, step: str
) -> None:
    """The old run lives, and wakes up after a recovery has undone its order: its further steps are turned away."""
    order_id = shop.order(fault(step, "delay", seconds=3))
    before = DO[: DO.index(step)] if step in DO else DO
    for done in before:
        shop.reaches(order_id, done, "done")
    eventually(lambda: shop.show(order_id)["status"] == "in_progress" or None, "the order is claimed")

    take_over(backstage, order_id)

    order = shop.end_of(order_id)
    eventually(lambda: backstage.status_of(order_id) == "COMPLETED" or None, "the old run has ended by itself")
    assert ("compensated", "replaced by a test") == (order["status"], order["error"])
    assert order == shop.show(order_id), "the old run changed the order"


def take_over(backstage: Backstage, order_id: str) -> None:
    """Start a recovery for an order whose workflow lives."""
    run_id = backstage.sql("order_service", f"SELECT run_id FROM order_service.orders WHERE order_id = '{order_id}'")
    order = PlacedOrder.model_validate({**backstage.placed(order_id), "run_id": uuid4().hex})
    recovery = RecoverOrder(order=order, replaces=str(run_id), reason="replaced by a test")
    backstage.engine(
        lambda client: client.schedule_new_workflow(
            ORDER_RECOVERY_WORKFLOW,
            input=recovery.model_dump(mode="json"),
            instance_id=f"{order_id}-recovery-of-a-test",
        )
    )


def test_orders_whose_timers_were_lost_with_the_scheduler_end(shop: Shop, backstage: Backstage) -> None:
    """The scheduler loses all its data while orders wait between two attempts: nothing would ever wake them again.

    They are signalled, which can't bring back a timer, then terminated and recovered.
    """
    order_ids = [shop.order(fault("process_payment", "fail", times=5), deadline_seconds=14) for _ in range(6)]
    for order_id in order_ids:
        eventually(lambda order_id=order_id: attempts(shop, order_id) >= 3 or None, f"{order_id} waits")  # type: ignore[misc] # bound now
    with held(shop.stack, "scheduler"):
        shutil.rmtree(backstage.settings.home / "scheduler")

    ends = {order_id: shop.end_of(order_id)["status"] for order_id in order_ids}

    assert set(ends.values()) <= {"completed", "compensated"}
    assert any("recovery" in one["action"] for one in report(shop)["resolved"] if one["kind"] == "order_stuck")


def attempts(shop: Shop, order_id: str) -> int:
    """How often the order's last step was tried."""
    steps = shop.show(order_id)["steps"]
    return int(steps[-1]["attempts"]) if steps else 0
