"""Undos that come late: the saga had given up on them and a person has decided, and still nothing happens twice."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.repairs import PARTICIPANT, STEPS, Repairer
from tests.e2e.shop import NO_PARCEL, UNDO, eventually, fault, held
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack

PATIENCE_SECONDS = 3
LATE_SECONDS = 8.0


@pytest.fixture(scope="module")
def late() -> Iterator[tuple[Repairer, Evidence]]:
    """A shop whose compensations give up soon; in the end every order has ended and conservation holds."""
    with own_stack(SHOP_UNDO_PATIENCE_SECONDS=str(PATIENCE_SECONDS)) as (shop, evidence):
        yield Repairer(shop), evidence
        for order_id in shop.placed:
            assert shop.end_of(order_id)["status"] == "compensated"
        report = shop.conservation()
        assert report["holds"], report["violations"]


def order_with(repairer: Repairer, mode: str, step: str) -> str:
    """An order whose undo of this step misbehaves once for longer than anybody is patient."""
    slow = fault(UNDO[step], mode, seconds=LATE_SECONDS)
    if step == "book_shipment":
        return repairer.shop.order(fault("complete_order", "refuse"), slow)
    return repairer.shop.order(slow, NO_PARCEL)


def executions(evidence: Evidence, order_id: str, activity: str, count: int) -> list[str]:
    """How the executions of the activity ended, once there are so many; the last to end comes last."""
    return eventually(
        lambda: ended if len(ended := evidence.outcomes(order_id, activity)) >= count else None,
        f"{count} executions of {activity} for {order_id}",
    )


@pytest.mark.parametrize(("decision", "outcome"), [("settle", "settled"), ("skip", "written_off")])
def test_an_undo_that_arrives_after_a_person_has_closed_the_step_does_nothing(
    late: tuple[Repairer, Evidence], decision: str, outcome: str
) -> None:
    """It hung before its effect while the person decided: its participant turns it into the answer of the decision."""
    repairer, evidence = late
    order_ids = {step: order_with(repairer, "delay", step) for step in STEPS}
    for step, order_id in order_ids.items():
        repairer.wait_parked(order_id)
        assert outcome == repairer.applied(order_id, repairer.decide(order_id, step, decision))["outcome"]

    for step, order_id in order_ids.items():
        assert ["done", "done"] == executions(evidence, order_id, UNDO[step], 2)
        assert [(step, outcome)] == [closing[:2] for closing in repairer.closings(order_id)]
    assert repairer.shop.conservation()["holds"]


@pytest.mark.parametrize("decision", ["settle", "skip"])
def test_an_undo_whose_answer_is_late_leaves_nothing_to_decide(late: tuple[Repairer, Evidence], decision: str) -> None:
    """It was done, only nobody knew: the person reads so instead of paying a second time."""
    repairer, _ = late
    order_ids = {step: order_with(repairer, "hang", step) for step in STEPS}

    for step, order_id in order_ids.items():
        repairer.wait_parked(order_id)
        repair = repairer.applied(order_id, repairer.decide(order_id, step, decision))

        assert "undone" == repair["outcome"]
        assert "nothing was left to do by hand" in repair["detail"]
        assert [] == repairer.closings(order_id)


@pytest.mark.parametrize("step", ["process_payment", "reserve_stock"])
def test_undo_and_settlement_of_a_participant_that_was_dead_have_one_winner(
    late: tuple[Repairer, Evidence], step: str
) -> None:
    """Both were sent while it was dead, and given up; Dapr delivers both when it is back, in whichever order."""
    repairer, _ = late
    order_id = repairer.shop.order(fault("book_shipment", "delay", seconds=2), NO_PARCEL)
    repairer.shop.reaches(order_id, "book_shipment")
    with held(repairer.shop.stack, PARTICIPANT[step]):
        stuck = repairer.wait_parked(order_id)["stuck"]
        first = repairer.applied(order_id, repairer.decide(order_id, step, "settle"))
        assert [step] == [one["step"] for one in stuck]
        assert "still_stuck" == first["outcome"]
        assert "settle is not carried out: no answer" in first["detail"]

    second = eventually(lambda: _carried_out(repairer, order_id, step), "a retry is carried out")

    closings = [closing[:2] for closing in repairer.closings(order_id)]
    assert second["outcome"] in {"undone", "settled"}
    assert closings == ([(step, "settled")] if second["outcome"] == "settled" else [])
    assert "compensated" == repairer.shop.end_of(order_id)["status"]


def _carried_out(repairer: Repairer, order_id: str, step: str) -> dict[str, Any] | None:
    """A person's retry; None if it gave up as well, in this shop of little patience."""
    repair = repairer.applied(order_id, repairer.decide(order_id, step, "retry"))
    return None if repair["outcome"] == "still_stuck" else repair
