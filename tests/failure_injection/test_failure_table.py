"""How a workflow that crosses services fails: service unavailable, activity not found, activity timeout.

The fourth row of that table, the network partition, needs hosts of their own.
"""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from shared.shop.payment import PROCESS_PAYMENT
from shared.shop.shipping import BOOK_SHIPMENT
from tests.e2e.replacing import instead_of
from tests.e2e.shop import Shop, eventually, fault, held, outcomes
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack

WITHOUT_BOOKING = (sys.executable, "-m", "tests.failure_injection.shipping_without_booking")


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[Shop, Evidence]]:
    """A stack of this module's own."""
    with own_stack() as (shop, evidence):
        yield shop, evidence


@pytest.fixture
def shop(stack: tuple[Shop, Evidence]) -> Iterator[Shop]:
    """The shop; after the test every order has ended and conservation holds."""
    shop, _ = stack
    shop.stack.wait_ready()
    yield shop
    shop.stack.wait_ready()
    shop.all_end()
    report = shop.conservation()
    assert report["holds"], report["violations"]


def test_service_unavailable_is_done_when_it_is_back_within_the_deadline(shop: Shop) -> None:
    """No process of the app runs: the engine goes on dispatching, and one attempt is all that it takes."""
    with held(shop.stack, "shipping-service"):
        order_id = shop.order()
        shop.reaches(order_id, "book_shipment")

    order = shop.end_of(order_id)
    assert order["status"] == "completed"
    assert [1, 1, 1] == [step["attempts"] for step in order["steps"]]


def test_service_without_its_backend_is_retried_with_backoff(shop: Shop) -> None:
    """The app runs, but what it stands on is away: attempts follow 1, 2, 4 s after each other until it is back."""
    with held(shop.stack, "payment-gateway"):
        order_id = shop.order()
        eventually(lambda: True if _failed_attempts(shop, order_id) >= 2 else None, "two attempts have failed")

    order = shop.end_of(order_id)
    payment = order["steps"][1]
    assert (order["status"], payment["outcome"]) == ("completed", "done")
    assert payment["attempts"] == len(payment["errors"]) + 1 >= 3
    assert all("payment gateway" in error["error"] for error in payment["errors"])
    failed_at = [datetime.fromisoformat(error["at"]) for error in payment["errors"]]
    for attempt, (earlier, later) in enumerate(pairwise(failed_at), start=1):
        pause = PROCESS_PAYMENT.retry.seconds_after(attempt)
        assert pause is not None
        assert later - earlier >= timedelta(seconds=pause)


def test_activity_not_found_fails_at_once_and_says_what_to_do(stack: tuple[Shop, Evidence], shop: Shop) -> None:
    """Another version of the app lacks the activity: one attempt, a sentence with app, activity and advice."""
    _, evidence = stack
    with instead_of(shop.stack, evidence.settings, "shipping-service", WITHOUT_BOOKING):
        shop.stack.wait_ready("shipping-service-daprd")
        order_id = shop.order()
        order = shop.end_of(order_id)

    assert order["status"] == "compensated"
    assert [
        ("reserve_stock", "done"),
        ("process_payment", "done"),
        ("book_shipment", "failed"),
        ("cancel_shipment", "done"),
        ("refund_payment", "done"),
        ("release_stock", "done"),
    ] == outcomes(order)
    assert order["steps"][2]["attempts"] == 1
    for part in ("'book_shipment'", "'shipping-service'", "ActivityNotRegisteredError", "deploy a version of"):
        assert part in order["error"]


def test_what_an_earlier_version_did_is_undone(stack: tuple[Shop, Evidence], shop: Shop) -> None:
    """The app dies with a parcel booked and not reported, and the attempt is repeated at one without the activity."""
    _, evidence = stack
    order_id = shop.order(fault("book_shipment", "hang", seconds=20))
    eventually(lambda: True if evidence.effects(order_id, "book_shipment") else None, "the parcel is booked")
    with instead_of(shop.stack, evidence.settings, "shipping-service", WITHOUT_BOOKING):
        order = shop.end_of(order_id)

    assert order["status"] == "compensated"
    assert ("book_shipment", "failed") in outcomes(order)
    assert "ActivityNotRegisteredError" in order["error"]
    assert ("cancel_shipment", "done") in outcomes(order)


def test_activity_timeout_of_one_attempt_is_retried(shop: Shop) -> None:
    """The card gateway hangs (SIGSTOP) past the payment-service's timeout for it: the next attempt settles it."""
    shop.stack.signal("payment-gateway", "SIGSTOP")
    try:
        order_id = shop.order()
        eventually(lambda: True if _failed_attempts(shop, order_id) else None, "the first attempt has timed out")
    finally:
        shop.stack.signal("payment-gateway", "SIGCONT")

    order = shop.end_of(order_id)
    payment = order["steps"][1]
    assert (order["status"], payment["outcome"]) == ("completed", "done")
    assert payment["attempts"] >= 2
    assert "TimeoutError" in payment["errors"][0]["error"]


def test_activity_timeout_of_the_step_fails_it(shop: Shop) -> None:
    """Nothing comes back before the deadline of the step: its outcome is unknown, and it is undone."""
    deadline = BOOK_SHIPMENT.deadline_seconds
    assert deadline is not None
    order = shop.end_of(shop.order(fault("book_shipment", "hang", seconds=deadline + 5)))

    assert order["status"] == "compensated"
    assert ("book_shipment", "unknown") in outcomes(order)
    assert f"no answer from shipping-service within {deadline:.0f} s" in order["error"]
    assert [("cancel_shipment", "done"), ("refund_payment", "done"), ("release_stock", "done")] == outcomes(order)[3:]


def _failed_attempts(shop: Shop, order_id: str) -> int:
    return sum(len(step["errors"]) for step in shop.show(order_id)["steps"] if step["name"] == "process_payment")
