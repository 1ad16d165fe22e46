"""The recovery workflow: it undoes whatever the order saga may have done, or leaves no trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from order_service.recovery import recovery_workflow_shown_to
from order_service.workflow import order_workflow_shown_to
from saga_testing.context import START
from saga_testing.engine import Play
from saga_testing.script import REFUSED, UNREGISTERED, Answer, Raised
from shared.contracts.timeline import StepKind, StepOutcome, StepRecord, Timeline
from shared.shop.order import ORDER_STEPS, RecoverOrder
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script
from tests.unit.saga.played_orders import DOS, undone_from

pytestmark = pytest.mark.unit

REASON = "the engine has no workflow of this order"


def recover(answers: Mapping[str, Sequence[Answer]] | None = None, *events: Raised) -> Play:
    recovery = RecoverOrder(order=an_order(run_id="recovery-1"), replaces="run-1", reason=REASON)
    return Script(answers, events).play(recovery_workflow_shown_to, recovery)


def undo_calls(play: Play) -> list[tuple[str, str]]:
    undoing = {step.undo.activity for step in ORDER_STEPS if step.undo is not None}
    return [(call.activity, call.envelope["step"]) for call in play.called if call.activity in undoing]


def test_it_undoes_every_step_of_the_order_saga_newest_first() -> None:
    """The very calls that an order makes whose pivot is refused: a new step is undone by the recovery as well."""
    order = Script({"complete_order": [REFUSED]}).play(order_workflow_shown_to, an_order())

    play = recover()

    assert undo_calls(order) == undo_calls(play)
    assert [step.activity for step in ORDER_STEPS] == [step for _, step in reversed(undo_calls(play))]
    assert ("compensated", REASON) == (play.status, play.request("close_order")["reason"])


def test_it_undoes_under_the_orders_own_keys() -> None:
    """Not under its own instance's id: the tombstones must meet what the lost run still sends."""
    play = recover()

    assert {an_order().order_id} == {call.envelope["saga_id"] for call in play.called}


def test_it_ends_without_a_trace_if_it_may_not_take_over() -> None:
    """The order has ended meanwhile, or another recovery was quicker."""
    play = recover({"take_over_order": [Answer(response={"taken": False})]})

    assert (["take_over_order"], "not_claimed") == (play.calls, play.status)


def test_every_record_names_the_run() -> None:
    """So that an order that is taken over again gets nothing more of this run."""
    play = recover({"refund_payment": [UNREGISTERED]}, Raised("repair", "park_order", payload=_retry()))

    assert {"recovery-1"} == {
        play.request(activity)["run_id"] for activity in ("take_over_order", "park_order", "close_order")
    }


def test_an_undo_that_gives_up_is_parked_like_any_other() -> None:
    """A person decides, and the recovery goes on."""
    play = recover({"refund_payment": [UNREGISTERED]}, Raised("repair", "park_order", payload=_retry()))

    undos = undone_from(DOS[-1])[:-1]
    assert ["take_over_order", *undos, "park_order", "refund_payment", "close_order"] == play.calls
    assert play.request("park_order")["reason"].startswith(REASON)


@pytest.mark.parametrize("make", [order_workflow_shown_to, recovery_workflow_shown_to])
def test_a_run_that_was_replaced_while_it_was_parked_ends(make: Any) -> None:  # noqa: ANN401 - makes a workflow
    """It would wait for ever for a decision that its successor gets."""
    order = an_order()
    given = order if make is order_workflow_shown_to else RecoverOrder(order=order, replaces=None, reason=REASON)
    parked = Answer(response={"status": "in_progress", "owned": False})
    answers = {"book_shipment": [REFUSED], "refund_payment": [UNREGISTERED], "park_order": [parked]}

    play = Script(answers).play(make, given)

    assert ("in_progress", "park_order") == (play.status, play.calls[-1])


def test_the_timeline_of_the_lost_run_goes_on() -> None:
    """What it was doing last has an unknown outcome; the recovery's undos follow, as newer versions."""
    started = START.isoformat() + "Z"
    step = {"app_id": "inventory-service", "kind": "do", "attempts": 1, "started_at": started}
    lost = {
        "version": 1_000_007,
        "steps": [
            {"name": "reserve_stock", "outcome": "done", "ended_at": started, **step},
            {"name": "process_payment", "outcome": "running", **step},
        ],
    }

    play = recover({"take_over_order": [Answer(response={"taken": True, "timeline": lost})]})

    timeline = Timeline.model_validate(play.request("close_order")["timeline"])
    assert [
        ("reserve_stock", StepOutcome.DONE),
        ("process_payment", StepOutcome.UNKNOWN),
        *((undo, StepOutcome.DONE) for undo in undone_from(DOS[-1])[:-1]),
    ] == [(step.name, step.outcome) for step in timeline.steps]
    assert timeline.version > 1_000_007
    assert _seen(timeline)[1].error == "the workflow that did this was lost"


def _seen(timeline: Timeline) -> tuple[StepRecord, ...]:
    return tuple(step for step in timeline.steps if step.kind is StepKind.DO)


def _retry() -> dict[str, str]:
    return {"step": "refund_payment", "decision": "retry", "by": "eve", "note": "registered now", "repair_id": "rep-1"}
