"""Real processes are really killed in the middle of sagas; orders still end, and nothing is lost or doubled."""

import threading

import pytest

from tests.e2e.shop import NO_PARCEL, Shop, an_order, eventually, fault, held, outcomes

PARTICIPANTS = {
    "reserve_stock": "inventory-service",
    "process_payment": "payment-service",
    "book_shipment": "shipping-service",
}


@pytest.mark.parametrize("step", PARTICIPANTS)
def test_a_participant_killed_in_mid_activity(shop: Shop, step: str) -> None:
    """SIGKILL while its activity runs: it runs again after the restart, and takes effect once."""
    order_id = shop.order(fault(step, "delay", seconds=3))
    shop.reaches(order_id, step)

    shop.stack.kill(PARTICIPANTS[step])

    assert shop.end_of(order_id)["status"] == "completed"


def test_the_payment_service_killed_while_the_gateway_works(shop: Shop) -> None:
    """The charge happens at the gateway while nobody waits for its answer; it is found by its key, not made twice."""
    order_id = shop.order(token="tok_slow")
    shop.reaches(order_id, "process_payment")

    shop.stack.kill("payment-service")

    assert shop.end_of(order_id)["status"] == "completed"


def test_the_order_service_killed_in_the_middle_of_a_saga(shop: Shop) -> None:
    """Sagas go on where they were, forward and backward."""
    forward = shop.order(fault("process_payment", "delay", seconds=3))
    backward = shop.order(fault("refund_payment", "delay", seconds=3), NO_PARCEL)
    shop.reaches(forward, "process_payment")
    shop.reaches(backward, "refund_payment")

    shop.stack.kill("order-service")
    shop.stack.wait_ready("order-service")

    assert shop.end_of(forward)["status"] == "completed"
    assert shop.end_of(backward)["status"] == "compensated"


def test_the_order_services_sidecar_killed(shop: Shop) -> None:
    """The engine itself dies in the middle; its state is in Postgres."""
    order_ids = [shop.order(fault("process_payment", "delay", seconds=2)) for _ in range(5)]
    shop.reaches(order_ids[0], "process_payment")

    shop.stack.kill("order-service-daprd")
    shop.stack.wait_ready("order-service-daprd", "order-service")

    assert ["completed"] * 5 == [shop.end_of(order_id)["status"] for order_id in order_ids]


def test_an_order_is_accepted_while_its_participants_are_away(shop: Shop) -> None:
    """The 202 needs only the order's row; within the deadline the order completes when they are back."""
    with held(shop.stack, "payment-service"):
        order_id = shop.order()
        shop.reaches(order_id, "process_payment")

    assert shop.end_of(order_id)["status"] == "completed"


def test_a_participant_that_stays_away_is_undone_when_it_is_back(shop: Shop) -> None:
    """Nobody answers within the deadline: the outcome is unknown, and the undo waits for the participant."""
    with held(shop.stack, "shipping-service"):
        order_id = shop.order()
        shop.reaches(order_id, "book_shipment", "unknown")

    order = shop.end_of(order_id)
    assert order["status"] == "compensated"
    assert [("cancel_shipment", "done"), ("refund_payment", "done"), ("release_stock", "done")] == outcomes(order)[3:]


def test_an_order_accepted_while_the_engine_is_away_is_neither_lost_nor_run_twice(shop: Shop) -> None:
    """Between the order's row and its workflow everything dies; the order runs once when all is back."""
    with held(shop.stack, "order-service-daprd"):
        order_ids = [shop.order() for _ in range(5)]
        shop.stack.kill("order-service")

    for order_id in order_ids:
        order = shop.end_of(order_id)
        assert order["status"] == "completed"
        assert [1, 1, 1] == [step["attempts"] for step in order["steps"]]


def test_the_gateway_killed_while_it_charges(shop: Shop) -> None:
    """Whether the charge happened is asked for by its key."""
    order_id = shop.order(token="tok_slow")
    shop.reaches(order_id, "process_payment")

    shop.stack.kill("payment-gateway")

    assert shop.end_of(order_id)["status"] == "completed"


def test_posting_through_a_restart_of_the_order_service(shop: Shop) -> None:
    """A client that repeats its POST with the same key until it is answered gets one order."""
    answers: list[str] = []

    def post_until_answered() -> None:
        def attempt() -> str | None:
            try:
                answer = shop.post_order(an_order(), "through-a-restart")
            except OSError:
                return None
            return answer.body["order_id"] if answer.status == 202 else None

        answers.append(eventually(attempt, "an answer"))

    shop.stack.kill("order-service")
    clients = [threading.Thread(target=post_until_answered) for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    assert 8 == len(answers)
    assert 1 == len(set(answers))
    assert shop.end_of(answers[0])["status"] == "completed"
