"""Records histories of today's workflow on a real stack: `make histories`.

The recordings of a released version are kept for ever, since its workflows may still be running somewhere; those of the
version that is being made are replaced.
"""

import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from dapr.ext.workflow._durabletask.internal import protos as pb

from devstack.settings import PROJECT_ROOT
from devstack.topology.addresses import app_ports
from order_service.approval.terms import PATIENCE_SECONDS
from saga_testing.matrix.cells import UNDO_PATIENCE_SECONDS, cells_of
from saga_testing.recorded import write
from shared.shop.task import TASK_ORCHESTRATOR_SERVICE
from tests.e2e.approval.approver import Approver
from tests.e2e.repairs import Repairer
from tests.e2e.shop import Shop, an_order, eventually, fault
from tests.e2e.tasks.task_client import AUDIT, TaskClient
from tests.failure_injection.evidence import Evidence, read_history
from tests.failure_injection.own_stack import own_stack
from tests.histories import FOLDER, TASKS_FOLDER
from tests.order_saga.matrix import SHOP

Story = Callable[[Shop], str]
"""Places an order; its id."""

APPROVAL_SECONDS: Final = 20.0
AT_REST: Final = {"completed", "compensated", "cancelled", "needs_attention"}
CELLS: Final = {
    "retried": "process_payment-do-fail",
    "refused": "process_payment-do-refuse",
    "unknown_after_retries": "book_shipment-do-lose_reply_always",
    "unknown_at_the_deadline": "reserve_stock-do-delay_late",
    "overdue_at_the_pivot": "complete_order-pivot-delay_late",
    "refused_at_the_pivot": "complete_order-pivot-refuse",
    "undo_retried": "refund_payment-undo-fail",
    "undo_gave_up": "release_stock-undo-fail_always",
    "needs_attention": "refund_payment-undo-refuse",
    "records_retried": "close_order-record-fail_thrice",
}


def main() -> int:
    """Replace the recordings of the version that is being made; the exit code."""
    version = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]["version"]
    if re.search(rf"^## \[{re.escape(version)}\]", (PROJECT_ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
        sys.stderr.write(f"{version} is released, its recordings stay as they are: raise the version first\n")
        return 1
    shutil.rmtree(FOLDER / version, ignore_errors=True)
    with own_stack(SHOP_UNDO_PATIENCE_SECONDS=f"{UNDO_PATIENCE_SECONDS:g}") as (shop, evidence):
        _record(version, shop, evidence, _stories())
    record_checked(version)
    shutil.rmtree(TASKS_FOLDER / version, ignore_errors=True)
    record_tasks(version)
    return 0


def record_checked(version: str) -> None:
    """Record orders that are checked for fraud."""
    check = {"SHOP_FRAUD_CHECK": "on", "SHOP_APPROVAL_SECONDS": f"{APPROVAL_SECONDS:g}"}
    with own_stack("core", "tasks", **check) as (shop, evidence):
        _record(version, shop, evidence, CHECKED)


def record_tasks(version: str) -> None:
    """Record the workflows of tasks."""
    with own_stack("core", "events", "tasks") as (shop, evidence):
        client = TaskClient(shop)
        address = f"127.0.0.1:{app_ports(evidence.settings, TASK_ORCHESTRATOR_SERVICE).dapr_grpc}"
        tasks = {name: place(client) for name, place in TASKS.items()}
        for name, task_id in tasks.items():
            client.end_of(task_id)
            events = eventually(partial(_ended_history, address, task_id), f"the workflow of {task_id} ends")
            file = write(TASKS_FOLDER / version, name, task_id, events)
            sys.stdout.write(f"{file.relative_to(PROJECT_ROOT)}: {len(events)} events\n")


def _ended_history(address: str, instance_id: str) -> list[pb.HistoryEvent] | None:
    history = read_history(address, instance_id)
    return history if any(event.HasField("executionCompleted") for event in history) else None


def _record(version: str, shop: Shop, evidence: Evidence, stories: Mapping[str, Story]) -> None:
    orders = {name: place(shop) for name, place in stories.items()}
    for name, order_id in orders.items():
        has_ended = _wait(shop, order_id) != "needs_attention"
        events = evidence.whole_history(order_id) if has_ended else evidence.history(order_id)
        file = write(FOLDER / version, name, order_id, events)
        sys.stdout.write(f"{file.relative_to(PROJECT_ROOT)}: {len(events)} events\n")


def _stories() -> dict[str, Story]:
    """How each recorded order is placed."""
    cells = {cell.id: cell for cell in cells_of(SHOP)}

    def of_cell(cell_id: str) -> Story:
        return lambda shop: _placed(shop, cells[cell_id].body)

    return {
        "completed": lambda shop: shop.order(),
        "cancelled_between_steps": lambda shop: _cancelled(shop, fault("reserve_stock", "delay"), "reserve_stock"),
        "cancelled_while_retrying": lambda shop: _cancelled(shop, fault("book_shipment", "fail", 99), "book_shipment"),
        "repaired": _retried,
        **{name: of_cell(cell_id) for name, cell_id in CELLS.items()},
    }


def _placed(shop: Shop, more: dict[str, object]) -> str:
    answer = shop.post_order({**an_order(), **more})
    assert answer.status == 202, answer
    return str(answer.body["order_id"])


def _cancelled(shop: Shop, plan: dict[str, object], step: str) -> str:
    """An order that is cancelled as soon as this step runs."""
    order_id = _placed(shop, {"faults": [plan]})
    shop.reaches(order_id, step)
    answer = shop.call("POST", f"/orders/{order_id}/cancel")
    assert answer.status == 202, answer
    return order_id


def _retried(shop: Shop) -> str:
    """An order whose refund gave up, and is retried by a person's decision."""
    plan = [fault("book_shipment", "refuse"), fault("refund_payment", "refuse")]
    order_id = _placed(shop, {"faults": plan})
    _wait(shop, order_id)
    Repairer(shop).decide(order_id, "refund_payment", "retry")
    shop.end_of(order_id)
    return order_id


def _wait(shop: Shop, order_id: str) -> str:
    """The order's status once nothing more happens to it by itself."""

    def at_rest() -> str | None:
        status = str(shop.show(order_id)["status"])
        return status if status in AT_REST else None

    return eventually(at_rest, f"{order_id} ends")


def _decided(shop: Shop, decision: str) -> str:
    """A risky order about which a person decides."""
    approver = Approver(shop)
    order_id = approver.held()
    approver.decide(order_id, decision)
    return order_id


def _cancelled_while_waiting(shop: Shop) -> str:
    order_id = Approver(shop).held()
    answer = shop.call("POST", f"/orders/{order_id}/cancel")
    assert answer.status == 202, answer
    return order_id


def _unscored(shop: Shop) -> str:
    """An order whose score comes too late."""
    return Approver(shop).harmless(fault("run_ml_inference", "delay", seconds=PATIENCE_SECONDS + 3))


def _retried_after_approval(shop: Shop) -> str:
    """An approved order whose first step is tried twice: the timers of wait and steps are both there."""
    approver = Approver(shop)
    order_id = approver.held(fault("reserve_stock", "fail"))
    approver.decide(order_id, "approve")
    return order_id


CHECKED: Final[Mapping[str, Story]] = {
    "scored": lambda shop: Approver(shop).harmless(),
    "unscored": _unscored,
    "approved": lambda shop: _decided(shop, "approve"),
    "approved_and_retried": _retried_after_approval,
    "rejected": lambda shop: _decided(shop, "reject"),
    "expired": lambda shop: Approver(shop).held(),
    "cancelled_while_waiting": _cancelled_while_waiting,
}


TASKS: Final[Mapping[str, Callable[[TaskClient], str]]] = {
    "completed": lambda client: client.submit(),
    "audited": lambda client: client.submit(workflow=AUDIT),
    "retried": lambda client: client.submit(fault("send_email", "fail"), fault("assign_task", "fail")),
    "unscored": lambda client: client.submit(currency="SEK"),
    "unscored_after_retries": lambda client: client.submit(fault("run_ml_inference", "fail", 9)),
    "mail_refused": lambda client: client.submit(email="bounce@example.org"),
    "push_gave_up": lambda client: client.submit(fault("send_push", "fail", 9)),
    "unassigned": lambda client: client.submit(fault("assign_task", "refuse")),
}


if __name__ == "__main__":
    sys.exit(main())
