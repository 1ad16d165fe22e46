"""An order that can't finish in time is undone, and compensation has a patience of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Play
from saga_testing.script import NEVER, OUTAGE, REFUSED, Answer, Raised, always, late
from shared.saga.context import Turns
from shared.saga.failures import SagaOverdue
from shared.saga.saga import Saga
from shared.saga.terms import SagaTerms
from shared.shop.order import COMPLETE_ORDER, ORDER_SERVICE, VALIDATE_ORDER, CompleteOrder, PlacedOrder, ValidateOrder
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script
from tests.unit.saga.played_orders import COMPLETED, DOS, UNDO_OF

pytestmark = pytest.mark.unit


def play(
    answers: Mapping[str, Sequence[Answer]],
    *events: Raised,
    deadline_seconds: float | None = None,
    undo_patience_seconds: float | None = None,
) -> Play:
    order = an_order(deadline_seconds=deadline_seconds, undo_patience_seconds=undo_patience_seconds)
    return Script(answers, events).play(order_workflow_shown_to, order)


def test_no_step_begins_after_the_deadline() -> None:
    """The engine was away for longer than the order may take: nothing is begun, and nothing is left to undo."""
    played = play({"validate_order": [late(10)]}, deadline_seconds=5)

    assert played.calls == ["validate_order", "close_order"]
    assert played.status == "compensated"
    assert "not finished by its deadline" in played.request("close_order")["reason"]


@pytest.mark.parametrize("step", DOS)
def test_a_step_is_not_waited_for_past_the_orders_deadline(step: str) -> None:
    """Its own deadline would come later; the order's cuts it, and the step that may have happened is undone."""
    played = play({step: [NEVER]}, deadline_seconds=7)

    assert played.at_seconds(UNDO_OF[step]) == [7]
    assert played.status == "compensated"
    assert "before the order's deadline" in played.request("close_order")["reason"]


def test_the_reason_says_that_the_workflows_own_app_was_away() -> None:
    """Its deadline passed meanwhile: the app that is named for having given no answer may have been well."""
    workflow = Script({"process_payment": [NEVER]}, timers_late_seconds=11)

    played = workflow.play(order_workflow_shown_to, an_order())

    assert played.status == "compensated"
    assert (
        "no answer from payment-service within 30 s (attempt 1); "
        "the workflow's own app was away, and saw that 11 s late"
    ) in played.request("close_order")["reason"]


def test_no_retry_begins_after_the_orders_deadline() -> None:
    """A pause that would end too late isn't begun."""
    played = play({"process_payment": always(OUTAGE)}, deadline_seconds=5)

    assert [call for call in played.calls if call.startswith("process_payment")] == [
        "process_payment",
        "process_payment#2",
        "process_payment#3",
    ]
    assert played.status == "compensated"


def slow_before_its_pivot(_: object) -> Callable[[Any, PlacedOrder], Turns[dict[str, Any]]]:
    """A saga that does nothing but pass its pivot."""

    def workflow(ctx: Any, order: PlacedOrder) -> Turns[dict[str, Any]]:  # noqa: ANN401 - the test's context
        terms = SagaTerms(saga_id=order.order_id, home_app_id=ORDER_SERVICE, deadline=order.deadline_at)
        saga = Saga(ctx, terms)
        yield from saga.record(VALIDATE_ORDER, ValidateOrder(run_id=order.run_id))
        pivot = CompleteOrder(timeline=saga.timeline, tracking_number="T", run_id=order.run_id)
        try:
            yield from saga.pivot(COMPLETE_ORDER, pivot)
        except SagaOverdue:
            return {"status": "overdue"}
        return {"status": "done"}

    return workflow


@pytest.mark.parametrize(("seconds", "status"), [(4, "done"), (6, "overdue")])
def test_the_pivot_is_not_tried_after_the_deadline(seconds: float, status: str) -> None:
    """Once it is too late, the point of no return isn't passed."""
    order = an_order(deadline_seconds=5)

    played = Script({"validate_order": [late(seconds)]}).play(slow_before_its_pivot, order)

    assert played.status == status
    assert ("complete_order" in played.calls) == (status == "done")


def test_an_order_in_time_knows_nothing_of_its_deadline() -> None:
    """Same calls, and still a single timer."""
    played = play({}, deadline_seconds=300)

    assert played.calls == COMPLETED
    assert len(played.timers) == 1


def test_compensation_goes_on_past_the_orders_deadline() -> None:
    """The deadline is for going forward; an undo takes the time that it needs."""
    played = play({"book_shipment": [REFUSED], "refund_payment": always(OUTAGE)[:6]}, deadline_seconds=3)

    assert played.at_seconds("refund_payment")[-1] > 60
    assert played.status == "compensated"


@pytest.mark.parametrize(("answer", "attempts"), [(OUTAGE, 5), (NEVER, 1)], ids=["outage", "no answer"])
def test_the_orders_own_patience_bounds_every_undo(answer: Answer, attempts: int) -> None:
    """With 20 seconds of patience an undo is tried at 0, 1, 3, 7 and 15 s; then a person is asked."""
    decision = {
        "step": "process_payment",
        "decision": "retry",
        "by": "ann",
        "note": "the bank is back",
        "repair_id": "rep-1",
    }
    played = play(
        {"book_shipment": [REFUSED], "refund_payment": [answer] * attempts},
        Raised("repair", "park_order", seconds=60, payload=decision),
        undo_patience_seconds=20,
    )

    assert len(played.at_seconds("refund_payment")) == attempts + 1
    assert played.at_seconds("park_order")[0] <= played.at_seconds("refund_payment")[0] + 21
    assert played.status == "compensated"
