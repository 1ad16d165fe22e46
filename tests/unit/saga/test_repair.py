"""What a person decides about a stuck compensation: carried out once, on the record, and never against what is done."""

from typing import Any

import pytest

from order_service.recovery import recovery_workflow_shown_to
from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Play, replay
from saga_testing.script import DENIED, NEVER, OUTAGE, REFUSED, REJECTED, UNREGISTERED, Answer, Raised, always, late
from shared.contracts.call import UndoStep
from shared.contracts.repair import UndoAnswer
from shared.shop.order import RecoverOrder
from shared.shop.registry import SHOP
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script
from tests.unit.saga.played_orders import DOS, UNDO_OF, play, through, undone_before, undone_from

pytestmark = pytest.mark.unit

STUCK = [pytest.param(undo, step, id=undo) for step, undo in UNDO_OF.items()]
REFUND_STUCK = {"book_shipment": [REFUSED], "refund_payment": [REFUSED]}
PARKED = [*through("book_shipment"), *undone_before("book_shipment")[:-1], "park_order"]
BY_ANOTHER = {"repair_id": "rep-0", "decision": "settle", "by": "bob", "note": "cash", "amount": 4200, "unit": "EUR"}


NAMELESS = {"step": "process_payment", "decision": "retry", "by": "ann", "note": "called the bank"}


def repaired(decision: str, step: str, nth: int = 1, repair_id: str = "rep-1", seconds: float = 60) -> Raised:
    """A decision that comes `seconds` after the order was parked for the `nth` time."""
    return Raised("repair", "park_order", nth, seconds=seconds, payload=decided(decision, step, repair_id))


def decided(decision: str, step: str, repair_id: str = "rep-1") -> dict[str, str]:
    return {"step": step, "decision": decision, "by": "ann", "note": "called the bank", "repair_id": repair_id}


def applied(played: Play, record: str = "close_order") -> list[tuple[str, str]]:
    """The decisions that the last such record carries, as (id, outcome)."""
    return [(one["repair_id"], one["outcome"]) for one in played.request(record)["repairs"]]


@pytest.mark.parametrize(("undo", "step"), STUCK)
@pytest.mark.parametrize("answer", [REFUSED, UNREGISTERED, DENIED, REJECTED], ids=lambda answer: answer.error_type)
@pytest.mark.parametrize("unsure", [NEVER, UNREGISTERED], ids=["unknown", "unregistered"])
def test_a_stuck_undo_stops_no_other_and_a_retry_ends_it(unsure: Answer, answer: Answer, undo: str, step: str) -> None:
    """An undo that is refused parks the order after all others were undone; a person's retry closes it."""
    played = play({DOS[-1]: [unsure], undo: [answer]}, repaired("retry", step))

    assert played.calls == [*through(DOS[-1]), *undone_from(DOS[-1])[:-1], "park_order", undo, "close_order"]
    assert played.status == "compensated"
    assert undo in played.request("park_order")["reason"]
    assert played.request("park_order")["money_at_risk_cents"] == 4200
    assert applied(played) == [("rep-1", "undone")]


@pytest.mark.parametrize(("undo", "step"), STUCK)
def test_what_is_stuck_is_on_the_record(undo: str, step: str) -> None:
    """Step, compensation, app, attempts and last error, so that a person needn't search."""
    app_id = next(contract.app_id for contract in SHOP.contracts if contract.activity == undo)
    played = play({DOS[-1]: [NEVER], undo: [OUTAGE, OUTAGE, REFUSED]}, repaired("retry", step))
    (stuck,) = played.request("park_order")["stuck"]

    assert (stuck["step"], stuck["activity"], stuck["app_id"], stuck["attempts"]) == (step, undo, app_id, 3)
    assert "card declined" in stuck["error"]


@pytest.mark.parametrize(("undo", "step"), STUCK)
@pytest.mark.parametrize(
    ("decision", "outcome", "ended"), [("skip", "failed", "written_off"), ("settle", "done", "settled")]
)
def test_a_decision_by_hand_goes_through_the_participant(
    decision: str, outcome: str, ended: str, undo: str, step: str
) -> None:
    """It closes the step in its fence, and the timeline says who decided and why; the undo's name does as well."""
    for named in (step, undo):
        played = play({DOS[-1]: [NEVER], undo: [REFUSED]}, repaired(decision, named))
        last = played.timeline.steps[-1]

        assert played.calls == [*through(DOS[-1]), *undone_from(DOS[-1])[:-1], "park_order", undo, "close_order"]
        by_hand = played.request(undo)["by_hand"]
        assert (by_hand["repair_id"], by_hand["decision"], by_hand["by"]) == ("rep-1", decision, "ann")
        assert played.status == "compensated"
        assert (last.name, last.kind, last.outcome) == (undo, "undo", outcome)
        assert "by ann: called the bank" in (last.error or "")
        assert applied(played) == [("rep-1", ended)]


@pytest.mark.parametrize("decision", ["settle", "skip"])
def test_a_decision_by_hand_that_comes_too_late_says_so(decision: str) -> None:
    """The undo had been done meanwhile: the person reads it before paying."""
    done = Answer(response={"by_hand": None, "currency": "EUR"})

    played = play({"book_shipment": [REFUSED], "refund_payment": [REFUSED, done]}, repaired(decision, "refund_payment"))

    (repair,) = played.request("close_order")["repairs"]
    assert repair["outcome"] == "undone"
    assert repair["detail"] == "nothing was left to do by hand: 42.00 EUR were refunded"
    assert "nothing was left: 42.00 EUR were refunded" in (played.timeline.steps[-1].error or "")


@pytest.mark.parametrize("decision", ["retry", "skip", "settle"])
def test_what_another_decision_closed_stays_closed(decision: str) -> None:
    """A settlement whose answer was lost took effect all the same: whoever decides next learns of it."""
    closed = Answer(response={"by_hand": BY_ANOTHER})

    played = play({**REFUND_STUCK, "refund_payment": [REFUSED, closed]}, repaired(decision, "process_payment"))

    second, first = played.request("close_order")["repairs"]
    assert (second["outcome"], first["outcome"]) == ("settled", "settled")
    assert second["detail"] == "decided earlier (rep-0): 42.00 EUR settled by hand by bob: cash"
    assert (first["repair_id"], first["detail"]) == ("rep-0", "42.00 EUR settled by hand by bob: cash")


def test_a_recovery_reports_what_a_lost_run_had_closed() -> None:
    """The run that carried the decision out is gone: the participant knows of it, and so does the order's row."""
    closed = Answer(response={"by_hand": BY_ANOTHER})
    recovery = RecoverOrder(order=an_order(), replaces="run-0", reason="its workflow was lost")

    played = Script({"refund_payment": [closed]}).play(recovery_workflow_shown_to, recovery)

    assert applied(played) == [("rep-0", "settled")]
    refund = next(step for step in played.timeline.steps if step.name == "refund_payment")
    assert (refund.outcome, refund.error) == ("done", "42.00 EUR settled by hand by bob: cash")


def test_a_retry_that_fails_again_parks_the_order_again() -> None:
    """Every failed repair asks a person anew, without touching what was undone, and says what came of it."""
    events = (repaired("retry", "process_payment"), repaired("settle", "process_payment", nth=2, repair_id="rep-2"))

    played = play({**REFUND_STUCK, "refund_payment": [REFUSED, REFUSED]}, *events)

    assert played.calls == [*PARKED, "refund_payment", "park_order", "refund_payment", "close_order"]
    assert applied(played, "park_order") == [("rep-1", "still_stuck")]
    assert played.request("park_order")["stuck"][0]["attempts"] == 2
    assert applied(played) == [("rep-2", "settled")]


def test_two_stuck_undos_need_two_decisions() -> None:
    """A decision is about one compensation; the others stay stuck and the order stays parked."""
    answers = {**REFUND_STUCK, "release_stock": [REFUSED]}
    events = (repaired("settle", "process_payment"), repaired("retry", "reserve_stock", nth=2, repair_id="rep-2"))

    played = play(answers, *events)

    assert played.calls == [*PARKED, "refund_payment", "park_order", "release_stock", "close_order"]
    assert "refund_payment" not in played.request("park_order")["reason"].partition("and then")[2]
    assert [one["step"] for one in played.request("park_order")["stuck"]] == ["reserve_stock"]


def test_a_decision_that_comes_twice_is_carried_out_once() -> None:
    """The service sends it again after a crash: the saga knows its id, also while it carries it out."""
    answers = {**REFUND_STUCK, "refund_payment": [REFUSED, REFUSED], "release_stock": [REFUSED]}
    events = (
        repaired("retry", "process_payment"),
        repaired("retry", "process_payment", seconds=60.1),
        repaired("retry", "process_payment", nth=2),
        repaired("retry", "process_payment", nth=2, repair_id="rep-2", seconds=70),
        repaired("retry", "reserve_stock", nth=3, repair_id="rep-3"),
    )

    played = play(answers, *events)

    assert played.calls == [
        *PARKED,
        "refund_payment",
        "park_order",
        "refund_payment",
        "park_order",
        "release_stock",
        "close_order",
    ]


def test_a_second_decision_about_a_step_that_is_undone_is_not_needed() -> None:
    """Two persons decided; the second one reads that it wasn't needed, and the other step still waits."""
    answers = {**REFUND_STUCK, "release_stock": [REFUSED]}
    events = (
        repaired("retry", "process_payment"),
        repaired("settle", "process_payment", repair_id="rep-2", seconds=60.1),
        repaired("retry", "reserve_stock", nth=3, repair_id="rep-3"),
    )

    played = play(answers, *events)

    assert played.calls == [*PARKED, "refund_payment", "park_order", "park_order", "release_stock", "close_order"]
    assert applied(played, "park_order") == [("rep-2", "not_needed")]


@pytest.mark.parametrize(("answer", "attempts"), [(NEVER, 1), (OUTAGE, 6)], ids=["no answer", "outage"])
@pytest.mark.parametrize("decision", ["retry", "settle", "skip"])
def test_a_decision_that_cannot_be_carried_out_is_reported_within_a_minute(
    decision: str, answer: Answer, attempts: int
) -> None:
    """A person waits for it: the order is parked again, with the reason, long before the patience of an undo."""
    answers = {**REFUND_STUCK, "refund_payment": [REFUSED, *[answer] * attempts]}
    events = (repaired(decision, "process_payment"), repaired("retry", "process_payment", nth=2, repair_id="rep-2"))

    played = play(answers, *events)
    first, second = played.at_seconds("park_order")

    assert second - first <= 60 + 61
    assert len(played.at_seconds("refund_payment")) == 2 + attempts
    assert played.status == "compensated"
    if decision != "retry":
        assert f"{decision} is not carried out" in played.request("park_order")["reason"]


def test_a_short_patience_of_the_order_also_bounds_a_decision() -> None:
    """A decision's minute only cuts the patience that the order carries."""
    events = (repaired("retry", "process_payment"), repaired("retry", "process_payment", nth=2, repair_id="rep-2"))
    script = Script({**REFUND_STUCK, "refund_payment": [REFUSED, NEVER]}, events)

    played = script.play(order_workflow_shown_to, an_order(undo_patience_seconds=5))
    _, second = played.at_seconds("park_order")

    assert second - played.at_seconds("refund_payment")[1] == 5


@pytest.mark.parametrize(
    "payload",
    [None, "gibberish", NAMELESS, {**decided("retry", "process_payment"), "decision": "forget"}],
    ids=["empty", "text", "without an id", "unknown"],
)
def test_an_event_that_is_no_decision_changes_nothing(payload: object) -> None:
    """Anyone can raise an event: one that can't be read leaves the order parked, and costs not even a record."""
    useless = Raised("repair", "park_order", seconds=30, payload=payload)

    played = play(REFUND_STUCK, useless, repaired("retry", "process_payment"))

    assert played.calls == [*PARKED, "refund_payment", "close_order"]


@pytest.mark.parametrize("decision", ["retry", "skip", "settle"])
def test_replay_carries_a_decision_out_in_the_same_way(decision: str) -> None:
    """Run again against its history, also with a repeated event in it, the saga asks for the same."""
    answers = {**REFUND_STUCK, "refund_payment": [REFUSED, *always(OUTAGE)[:2], late(3)]}
    events = (repaired(decision, "process_payment"), repaired(decision, "process_payment", seconds=61))
    first = play(answers, *events)

    again = replay(order_workflow_shown_to, an_order(), first)

    assert again.asked == first.asked
    assert again.result == first.result


def test_every_compensation_can_be_closed_by_hand() -> None:
    """What takes an `UndoStep` answers with an `UndoAnswer`: otherwise nobody could tell settled from undone."""
    undos = [contract for contract in SHOP.contracts if contract.request is UndoStep]

    assert len(undos) == len(UNDO_OF)
    assert all(issubclass(contract.response, UndoAnswer) for contract in undos)


def test_the_sentence_of_an_undo_says_what_became_of_it() -> None:
    """For a person: in words, with amounts."""
    answers: dict[str, tuple[dict[str, Any], str]] = {
        "release_stock": ({"released_units": 3}, "3 units are back on sale"),
        "refund_payment": ({"refunded_cents": 0}, "nothing was charged"),
        "cancel_shipment": ({"cancelled": True}, "the parcel was cancelled"),
    }
    undos = [contract for contract in SHOP.contracts if contract.activity in answers]

    assert answers.keys() == {contract.activity for contract in undos}
    for contract in undos:
        response, sentence = answers[contract.activity]
        assert contract.response.model_validate(response).sentence == sentence
