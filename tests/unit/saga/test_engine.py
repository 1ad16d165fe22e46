"""The engine's own promises, beyond the order: parallel steps, the pivot, replay, the observer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Play, replay
from saga_testing.script import NEVER, OUTAGE, REFUSED, UNREGISTERED, Answer, Raised, always, late
from shared.contracts.timeline import Timeline
from shared.saga.context import Turns
from shared.saga.failures import SagaCancelled, SagaStopped
from shared.saga.saga import Saga
from shared.saga.terms import SagaTerms
from shared.shop.inventory import RESERVE_STOCK, ReserveStock
from shared.shop.order import COMPLETE_ORDER, ORDER_SERVICE, CompleteOrder, PlacedOrder
from shared.shop.payment import PROCESS_PAYMENT, ProcessPayment
from shared.shop.shipping import BOOK_SHIPMENT, BookShipment
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script

pytestmark = pytest.mark.unit

Observed = Callable[[str, Timeline], None]


def reserving(order: PlacedOrder) -> ReserveStock:
    return ReserveStock(lines=order.lines)


def paying(order: PlacedOrder) -> ProcessPayment:
    return ProcessPayment(amount_cents=order.total_cents, currency=order.currency, token=order.payment_token)


def shipping(order: PlacedOrder) -> BookShipment:
    return BookShipment(address=order.shipping_address, lines=order.lines)


def side_by_side(observer: Observed) -> Callable[[Any, PlacedOrder], Turns[dict[str, Any]]]:
    """Reserve and pay in parallel, then ship; a saga that is no order."""

    def workflow(ctx: Any, order: PlacedOrder) -> Turns[dict[str, Any]]:  # noqa: ANN401 - the test's context
        saga = Saga(ctx, SagaTerms(saga_id=order.order_id, home_app_id=ORDER_SERVICE), observer)
        try:
            reserve = saga.branch(RESERVE_STOCK, reserving(order))
            pay = saga.branch(PROCESS_PAYMENT, paying(order))
            reserved, paid = yield from saga.parallel(reserve, pay)
            yield from saga.step(BOOK_SHIPMENT, shipping(order))
        except SagaStopped as stopped:
            yield from saga.compensate(stopped)
            return {"status": "cancelled" if isinstance(stopped, SagaCancelled) else stopped.reason}
        return {"status": "done", "answers": [type(reserved).__name__, type(paid).__name__]}

    return workflow


def play_side_by_side(answers: Mapping[str, Sequence[Answer]] | None = None, *events: Raised) -> Play:
    return Script(answers, events).play(side_by_side, an_order())


def test_parallel_steps_start_together_and_answer_in_order() -> None:
    """The second step doesn't wait for the first, and answers come in the order given, not as they arrive."""
    played = play_side_by_side({"reserve_stock": [late(2)]})

    assert played.at_seconds("reserve_stock") == played.at_seconds("process_payment")
    assert played.result["answers"] == ["StockReserved", "PaymentProcessed"]


def test_no_undo_starts_while_a_sibling_runs() -> None:
    """The refused payment waits for the slow reservation, which is then undone."""
    played = play_side_by_side({"process_payment": [REFUSED], "reserve_stock": [late(20)]})

    assert played.calls == ["reserve_stock", "process_payment", "release_stock"]
    assert played.at_seconds("release_stock") == [20]


def test_no_undo_starts_while_a_sibling_is_retried() -> None:
    """A sibling in trouble still gets all its attempts, and may succeed, before anything is undone."""
    played = play_side_by_side({"process_payment": [REFUSED], "reserve_stock": [OUTAGE, OUTAGE]})

    assert played.calls == ["reserve_stock", "process_payment", "reserve_stock#2", "reserve_stock#3", "release_stock"]


@pytest.mark.parametrize(
    ("reserve", "pay", "undone"),
    [
        pytest.param([REFUSED], [REFUSED], [], id="both refused"),
        pytest.param([REFUSED], [NEVER], ["refund_payment"], id="refused and unknown"),
        pytest.param([NEVER], [REFUSED], ["release_stock"], id="unknown and refused"),
        pytest.param([NEVER], [NEVER], ["refund_payment", "release_stock"], id="both unknown"),
        pytest.param([UNREGISTERED], [REFUSED], ["release_stock"], id="unregistered and refused"),
    ],
)
def test_both_siblings_fail(reserve: list[Answer], pay: list[Answer], undone: list[str]) -> None:
    """The first in the order given names the reason; each is undone unless it is certain that it did nothing."""
    played = play_side_by_side({"reserve_stock": reserve, "process_payment": pay})

    assert played.calls == ["reserve_stock", "process_payment", *undone]
    assert played.status.startswith("reserve_stock on inventory-service")


def test_a_failure_after_parallel_steps_undoes_both_newest_first() -> None:
    """The order of the undos is that in which the steps began, reversed; it doesn't depend on who was faster."""
    played = play_side_by_side({"book_shipment": [REFUSED], "reserve_stock": [late(5)]})

    assert played.calls[3:] == ["refund_payment", "release_stock"]


def test_parallel_steps_share_one_timer() -> None:
    """Two deadlines at the same moment need only one wake-up."""
    assert len(play_side_by_side().timers) == 1


def test_a_cancel_reaches_both_siblings_between_their_attempts() -> None:
    """Neither is tried again; both may have happened and are undone."""
    outages = {"reserve_stock": always(OUTAGE), "process_payment": always(OUTAGE)}

    played = play_side_by_side(outages, Raised("cancel", "process_payment", seconds=0.5))

    assert played.calls == ["reserve_stock", "process_payment", "refund_payment", "release_stock"]
    assert played.status == "cancelled"


def after_the_pivot(*, with_undo: bool) -> Callable[[Observed], Callable[[Any, PlacedOrder], Turns[dict[str, Any]]]]:
    """Reserve, pass the pivot, then ship."""

    def shown_to(observer: Observed) -> Callable[[Any, PlacedOrder], Turns[dict[str, Any]]]:
        def workflow(ctx: Any, order: PlacedOrder) -> Turns[dict[str, Any]]:  # noqa: ANN401 - the test's context
            saga = Saga(ctx, SagaTerms(saga_id=order.order_id, home_app_id=ORDER_SERVICE), observer)
            yield from saga.step(RESERVE_STOCK, reserving(order))
            yield from saga.pivot(
                COMPLETE_ORDER, CompleteOrder(timeline=saga.timeline, tracking_number="T", run_id=order.run_id)
            )
            book = BOOK_SHIPMENT if with_undo else replace(BOOK_SHIPMENT, undo=None)
            try:
                yield from saga.step(book, shipping(order))
            except SagaStopped as stopped:
                yield from saga.compensate(stopped)
                return {"status": stopped.reason}
            return {"status": "done"}

        return workflow

    return shown_to


def test_a_step_after_the_pivot_can_have_no_undo() -> None:
    """A saga that promises to undo what can't be undone any more is a mistake, found when it runs first."""
    with pytest.raises(ValueError, match="book_shipment comes after the pivot"):
        Script().play(after_the_pivot(with_undo=True), an_order())


def test_after_the_pivot_a_cancel_is_ignored() -> None:
    """Retriable steps after the pivot are retried in spite of a cancel that came too late."""
    script = Script({"book_shipment": [OUTAGE]}, [Raised("cancel", "book_shipment")])

    played = script.play(after_the_pivot(with_undo=False), an_order())

    assert played.calls == ["reserve_stock", "complete_order", "book_shipment", "book_shipment#2"]
    assert played.status == "done"


def test_after_the_pivot_nothing_before_it_is_undone() -> None:
    """The order is completed: a later failure takes nothing back."""
    played = Script({"book_shipment": [REFUSED]}).play(after_the_pivot(with_undo=False), an_order())

    assert "release_stock" not in played.calls


TROUBLE: dict[str, tuple[dict[str, Sequence[Answer]], tuple[Raised, ...]]] = {
    "none": ({}, ()),
    "outages": ({"reserve_stock": [OUTAGE] * 2, "process_payment": [OUTAGE] * 3}, ()),
    "deadline": ({"process_payment": [NEVER]}, ()),
    "late answer": ({"process_payment": [late(31)]}, ()),
    "cancel": ({"book_shipment": always(OUTAGE)}, (Raised("cancel", "book_shipment", seconds=0.5),)),
    "early cancel": ({}, (Raised("cancel", "validate_order"),)),
    "repair": (
        {"book_shipment": [REFUSED], "refund_payment": [REFUSED]},
        (
            Raised(
                "repair",
                "park_order",
                seconds=9,
                payload={"step": "process_payment", "decision": "retry", "by": "ann", "note": "", "repair_id": "rep-1"},
            ),
        ),
    ),
}


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize("make", [order_workflow_shown_to, side_by_side], ids=["order", "side by side"])
def test_replay_asks_for_the_same(make: Callable[[Observed], Any], trouble: str) -> None:
    """Run again against its history, a workflow asks for the same calls, timers and events in the same order."""
    answers, events = TROUBLE[trouble]
    first = Script(answers, events).play(make, an_order())

    for _ in range(2):
        again = replay(make, an_order(), first)
        assert again.asked == first.asked
        assert again.result == first.result


def test_nobody_is_notified_while_replaying() -> None:
    """The engine replays the history on every turn: an observer would get everything again each time."""
    first = Script({"process_payment": [OUTAGE]}).play(order_workflow_shown_to, an_order())

    assert replay(order_workflow_shown_to, an_order(), first).shown == []
    assert first.shown != []


def test_the_observer_receives_only_what_is_new() -> None:
    """Versions only grow, so that a writer can drop what is older than the row."""
    shown = Script({"process_payment": [OUTAGE] * 3}).play(order_workflow_shown_to, an_order()).shown
    versions = [timeline.version for timeline in shown]

    assert versions == sorted(set(versions))


def test_a_workflow_without_observer_runs_as_well() -> None:
    """Showing progress is optional."""
    played = Script().play(lambda _: order_workflow_shown_to(None), an_order())

    assert played.status == "completed"
    assert played.shown == []


def test_every_call_carries_the_sagas_key() -> None:
    """The idempotency key is the instance and the step; an undo carries the step that it undoes."""
    played = Script({"book_shipment": [OUTAGE, REFUSED]}).play(order_workflow_shown_to, an_order())
    keys = {call.label: (call.envelope["saga_id"], call.envelope["step"]) for call in played.called}

    assert keys["book_shipment"] == keys["book_shipment#2"] == ("ord-1", "book_shipment")
    assert keys["refund_payment"] == ("ord-1", "process_payment")
    assert keys["release_stock"] == ("ord-1", "reserve_stock")


def test_each_call_carries_only_its_own_faults() -> None:
    """A participant sees the faults planned for the activity that is called, and no other."""
    planned = [{"activity": "process_payment", "mode": "fail"}, {"activity": "refund_payment", "mode": "delay"}]
    order = PlacedOrder.model_validate({**an_order().model_dump(), "faults": planned})
    played = Script({"book_shipment": [REFUSED]}).play(order_workflow_shown_to, order)

    carried = {call.activity: [fault["mode"] for fault in call.envelope["faults"]] for call in played.called}
    assert {name: modes for name, modes in carried.items() if modes} == {
        "process_payment": ["fail"],
        "refund_payment": ["delay"],
    }
