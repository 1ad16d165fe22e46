"""Risky orders wait for a person, with empty hands and in nobody's way; whatever ends the wait ends it once."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.shop.reasons import Reason
from tests.e2e.approval.approver import SCORED, Approver
from tests.e2e.approval.conftest import checking_stack
from tests.e2e.conftest import shop_command
from tests.e2e.shop import DO, ENDED, Shop, eventually, fault, held, outcomes, unless_away

WAITING = 20
NORMAL = 100
RACES = 30
FULFILLED = [SCORED, *((step, "done") for step in DO)]
RECORDS = ("hold_order", "conclude_approval")


@pytest.fixture(scope="module")
def checking() -> Iterator[dict[str, str]]:
    with checking_stack() as environment:
        yield environment


def test_a_harmless_order_is_scored_and_goes_on(shop: Shop, approver: Approver) -> None:
    """No person is asked."""
    order = shop.end_of(approver.harmless())

    assert (order["status"], order["approval"]) == ("completed", None)
    assert outcomes(order) == FULFILLED


def test_a_risky_order_waits_and_completes_once_it_is_approved(shop: Shop, approver: Approver) -> None:
    """While it waits nothing is done for it; then it goes its way."""
    order_id = approver.risky()

    waiting = approver.wait_held(order_id)

    assert waiting["score"] >= waiting["threshold"] == 0.5
    assert (waiting["model_version"], waiting["amount_at_risk_cents"]) == ("fraud-1", 5 * 15900)
    order = shop.show(order_id)
    assert (order["status"], order["approval"]) == ("in_progress", "waiting")
    eventually(lambda: outcomes(shop.show(order_id)) == [SCORED] or None, "it shows that it was scored, and no more")
    assert shop.conservation()["holds"]
    approver.decide(order_id, "approve")
    order = shop.end_of(order_id)
    assert (order["status"], order["approval"]) == ("completed", "approved")
    assert outcomes(order) == FULFILLED
    assert order_id not in approver.waiting()


def test_a_rejected_order_ends_with_the_persons_reason(shop: Shop, approver: Approver) -> None:
    """Nothing was charged; a contrary decision comes too late, and the same one is harmless."""
    order_id = approver.held()

    approver.decide(order_id, "reject")

    order = shop.end_of(order_id)
    assert (order["status"], order["approval"]) == ("compensated", "rejected")
    assert (order["reason"], order["error"]) == (Reason.NOT_APPROVED, "ann rejected the order: a stolen card")
    assert outcomes(order) == [SCORED]
    too_late = approver.say(order_id, "approve", by="bob")
    assert (too_late.status, "rejected by ann" in too_late.body["detail"]) == (409, True)
    again = approver.say(order_id, "reject", by="bob")
    assert (again.status, again.body["by"]) == (200, "ann")


def test_a_cancel_while_the_order_waits(shop: Shop, approver: Approver) -> None:
    """Its customer needs nobody's approval for that, and nobody can approve it any more."""
    order_id = approver.held()

    assert shop.call("POST", f"/orders/{order_id}/cancel").status == 202

    order = shop.end_of(order_id)
    assert (order["status"], order["approval"]) == ("cancelled", "cancelled")
    assert outcomes(order) == [SCORED]
    assert approver.say(order_id, "approve").status == 409


def test_the_order_service_killed_while_an_order_waits(shop: Shop, approver: Approver) -> None:
    """The wait is durable: afterwards one can be approved, and another rejected."""
    good, bad = approver.held(), approver.held()

    shop.stack.kill("order-service")
    shop.stack.wait_ready("order-service")
    approver.decide(good, "approve")
    approver.decide(bad, "reject")

    assert shop.end_of(good)["status"] == "completed"
    assert shop.end_of(bad)["status"] == "compensated"


def test_a_decision_while_the_engine_is_away(shop: Shop, approver: Approver) -> None:
    """It stands in the order's row; the workflow is signalled as soon as there is one."""
    good, bad = approver.held(), approver.held()

    with held(shop.stack, "order-service-daprd"):
        approver.decide(good, "approve")
        approver.decide(bad, "reject")

    assert shop.end_of(good)["status"] == "completed"
    assert shop.end_of(bad)["status"] == "compensated"


def test_the_order_service_killed_between_a_decision_and_its_event(shop: Shop, approver: Approver) -> None:
    """The next process's sweep sends what this one owes."""
    order_id = approver.held()

    with held(shop.stack, "order-service-daprd"):
        approver.decide(order_id, "approve")
        shop.stack.kill("order-service")

    assert shop.end_of(order_id)["status"] == "completed"


def test_twenty_waiting_orders_are_in_nobodys_way(shop: Shop, approver: Approver) -> None:
    """A hundred others complete while they wait: a wait holds no slot, no stock and no connection."""
    waiting = [approver.risky() for _ in range(WAITING)]
    for order_id in waiting:
        approver.wait_held(order_id)

    normal = [approver.harmless() for _ in range(NORMAL)]

    assert {"completed"} == {shop.end_of(order_id)["status"] for order_id in normal}
    assert set(waiting) <= approver.waiting().keys()
    for number, order_id in enumerate(waiting):
        approver.decide(order_id, "approve" if number % 2 else "reject")
    ends = Counter(shop.end_of(order_id)["status"] for order_id in waiting)
    assert ends == {"completed": WAITING // 2, "compensated": WAITING // 2}


def test_approve_reject_and_cancel_at_once_have_one_winner(shop: Shop, approver: Approver) -> None:
    """Of all that is said in the same moment one thing counts, and the order ends by it."""
    order_ids = [approver.risky() for _ in range(RACES)]
    for order_id in order_ids:
        approver.wait_held(order_id)

    def race(order_id: str) -> None:
        gate = threading.Barrier(3)

        def approve() -> int:
            gate.wait()
            return approver.say(order_id, "approve").status

        def reject() -> int:
            gate.wait()
            return approver.say(order_id, "reject").status

        def cancel() -> int:
            gate.wait()
            return shop.call("POST", f"/orders/{order_id}/cancel").status

        with ThreadPoolExecutor(max_workers=3) as pool:
            approved, rejected, cancelled = (
                one.result() for one in [pool.submit(f) for f in (approve, reject, cancel)]
            )
        assert 200 not in {approved} & {rejected}
        state, status = approver.end(order_id), shop.end_of(order_id)["status"]
        assert (state == "approved", state == "rejected") == (approved == 200, rejected == 200)
        # A cancel that came after the yes still comes before the pivot, or is refused.
        allowed = {"cancelled": {"cancelled"}, "rejected": {"compensated", "cancelled"}}
        assert status in allowed.get(str(state), {"cancelled"} if cancelled == 202 else {"completed"})

    for order_id in order_ids:
        race(order_id)


@pytest.mark.parametrize("mode", ["fail", "crash_before", "crash_after", "lose_reply", "duplicate"])
@pytest.mark.parametrize("record", RECORDS)
def test_the_records_of_a_wait_under_faults(shop: Shop, approver: Approver, record: str, mode: str) -> None:
    """However they are carried out, the order waits once, and ends by what was decided."""
    order_id = approver.held(fault(record, mode))

    eventually(lambda: unless_away(lambda: approver.say(order_id, "approve").status == 200 or None), "it is approved")

    # Some of these kill the order-service, which is the front door too.
    order = eventually(lambda: unless_away(lambda: _ended(shop, order_id)), "it ends", seconds=90)
    assert (order["status"], order["approval"]) == ("completed", "approved")
    assert outcomes(order) == FULFILLED


def _ended(shop: Shop, order_id: str) -> dict[str, Any] | None:
    order = shop.show(order_id)
    return order if order["status"] in ENDED else None


@pytest.mark.parametrize("mode", ["fail", "crash_before", "crash_after", "lose_reply", "duplicate"])
def test_a_score_under_faults(shop: Shop, approver: Approver, mode: str) -> None:
    """It is asked for again within its patience, or the order goes on without it: never does it fail."""
    order = shop.end_of(approver.harmless(fault("run_ml_inference", mode)))

    assert order["status"] == "completed"


def test_an_inference_service_that_is_away_costs_no_order(shop: Shop, approver: Approver) -> None:
    """After five seconds an order passes unscored, as this shop has it; its timeline says so."""
    with held(shop.stack, "ml-inference-service"):
        order_ids = [approver.harmless(), approver.risky()]
        orders = [shop.end_of(order_id) for order_id in order_ids]

    for order in orders:
        assert (order["status"], order["approval"]) == ("completed", None)
        assert outcomes(order) == [("run_ml_inference", "unknown"), *FULFILLED[1:]]


def test_a_person_decides_at_the_terminal(shop: Shop, approver: Approver, checking: dict[str, str]) -> None:
    """`shop approvals`, `shop approve`, `shop reject`."""
    good, bad = approver.held(), approver.held()

    listed = json.loads(shop_command(checking, "approvals", "--json").stdout)
    shown = shop_command(checking, "approvals").stdout
    approved = shop_command(checking, "approve", good, "--by", "ann")
    rejected = shop_command(checking, "reject", bad, "--by", "ann", "--reason", "a stolen card")
    too_late = shop_command(checking, "approve", bad, "--by", "bob")

    assert {good, bad} <= {one["order_id"] for one in listed}
    assert good in shown
    assert (approved.returncode, rejected.returncode) == (0, 0), approved.stderr + rejected.stderr
    assert (too_late.returncode, "rejected by ann" in too_late.stderr) == (1, True), too_late.stderr
    assert shop.end_of(good)["status"] == "completed"
    assert shop.end_of(bad)["status"] == "compensated"
