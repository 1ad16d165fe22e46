"""A shop that holds orders which can't be scored, and in which a person has half a minute."""

from collections.abc import Iterator

import pytest

from tests.e2e.approval.approver import SCORED, Approver
from tests.e2e.approval.conftest import checking_stack
from tests.e2e.shop import DO, Shop, held, outcomes

UNSCORED = ("run_ml_inference", "unknown")


@pytest.fixture(scope="module")
def checking() -> Iterator[dict[str, str]]:
    with checking_stack(SHOP_FRAUD_WHEN_AWAY="hold", SHOP_APPROVAL_SECONDS="30") as environment:
        yield environment


def test_an_order_that_cannot_be_scored_waits_for_a_person(shop: Shop, approver: Approver) -> None:
    """The person reads that there is no score, and why."""
    with held(shop.stack, "ml-inference-service"):
        order_id = approver.harmless()
        waiting = approver.wait_held(order_id)
        approver.decide(order_id, "approve")
        order = shop.end_of(order_id)

    assert (waiting["score"], waiting["model_version"]) == (None, None)
    assert waiting["why"].startswith("no fraud score: run_ml_inference on ml-inference-service: no answer")
    assert (order["status"], order["approval"]) == ("completed", "approved")
    assert outcomes(order) == [UNSCORED, *((step, "done") for step in DO)]


def test_an_order_that_nobody_decides_about_ends_when_its_time_is_over(shop: Shop, approver: Approver) -> None:
    """Scored or not; a decision comes too late then."""
    with held(shop.stack, "ml-inference-service-daprd"):
        unscored = approver.harmless()
        approver.wait_held(unscored)
    risky = approver.held()

    for order_id, step in ((unscored, UNSCORED), (risky, SCORED)):
        order = shop.end_of(order_id)
        assert (order["status"], order["approval"]) == ("compensated", "expired")
        assert order["error"] == "nobody approved the order in time"
        assert outcomes(order) == [step]
        answer = approver.say(order_id, "approve")
        assert (answer.status, "not approved in time" in answer.body["detail"]) == (409, True)


def test_an_expiry_goes_through_the_death_of_the_order_service(shop: Shop, approver: Approver) -> None:
    """Its timer is durable."""
    order_id = approver.held()

    shop.stack.kill("order-service")
    shop.stack.wait_ready("order-service")

    assert (shop.end_of(order_id)["status"], approver.end(order_id)) == ("compensated", "expired")
