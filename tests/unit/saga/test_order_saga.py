"""The order saga under answers that the fault matrix doesn't have: hopeless errors, strange replies, late answers."""

from itertools import pairwise

import pytest

from saga_testing.engine import Play
from saga_testing.script import (
    DENIED,
    NEVER,
    OTHERS_REPLY,
    OUTAGE,
    REFUSED,
    REJECTED,
    UNREADABLE,
    UNREGISTERED,
    Answer,
    Raised,
    always,
    late,
)
from shared.shop.order import ORDER_STEPS
from tests.unit.saga.played_orders import (
    COMPLETED,
    EACH_STEP,
    UNDO_OF,
    after,
    again,
    play,
    through,
    undone_before,
    undone_from,
)

pytestmark = pytest.mark.unit


def test_an_order_without_trouble_completes_with_one_timer() -> None:
    """Each step is called once, and the whole order costs the scheduler a single durable timer."""
    played = play()

    assert played.calls == COMPLETED
    assert played.status == "completed"
    assert len(played.timers) == 1


def test_remote_calls_name_their_app_and_local_ones_do_not() -> None:
    """Dapr routes by app id; a call to the own app must carry none, so that its first turn is local."""
    assert [call.app_id for call in play().called] == [None, *(step.app_id for step in ORDER_STEPS), None]


@EACH_STEP
@pytest.mark.parametrize("answer", [UNREGISTERED, DENIED, REJECTED], ids=lambda answer: answer.error_type)
def test_a_hopeless_error_is_not_retried_and_keeps_the_undo(answer: Answer, activity: str) -> None:
    """It may be the error of a second execution of the attempt, after a first one whose result was lost."""
    played = play({activity: [answer]})

    assert played.calls == [*through(activity), *undone_from(activity)]
    assert played.status == "compensated"


@EACH_STEP
@pytest.mark.parametrize("answer", [OTHERS_REPLY, UNREADABLE], ids=["others-reply", "unreadable"])
def test_a_strange_reply_is_an_outage(answer: Answer, activity: str) -> None:
    """An unreadable reply or the reply to another call is followed by a second attempt."""
    played = play({activity: [answer]})

    assert played.calls == [*through(activity), f"{activity}#2", *after(activity)]
    assert played.status == "completed"


@EACH_STEP
@pytest.mark.parametrize("answer", [NEVER, late(31)], ids=["never", "after the deadline"])
def test_a_step_without_answer_is_undone_at_its_deadline(answer: Answer, activity: str) -> None:
    """Dapr would wait for ever; the saga waits for 30 s and then undoes the step that may have happened."""
    played = play({activity: [answer]})

    assert played.calls == [*through(activity), *undone_from(activity)]
    assert played.status == "compensated"
    assert played.at_seconds(UNDO_OF[activity]) == [played.at_seconds(activity)[0] + 30]


@EACH_STEP
def test_an_answer_just_before_the_deadline_counts(activity: str) -> None:
    """The one early timer of an order never cuts a later step's deadline short."""
    played = play({activity: [late(29)]})

    assert played.calls == COMPLETED
    assert played.status == "completed"


@EACH_STEP
@pytest.mark.parametrize(
    ("answer", "app_and_advice"),
    [(UNREGISTERED, "deploy a version of"), (DENIED, "WorkflowAccessPolicy"), (REJECTED, "same contract")],
    ids=["unregistered", "denied", "rejected"],
)
def test_a_hopeless_error_says_what_to_do(answer: Answer, app_and_advice: str, activity: str) -> None:
    """The order's reason names the app, the activity, the kind of error and what a person should do."""
    called = play({activity: [answer]})
    app_id = next(call.app_id for call in called.called if call.activity == activity)
    reason = called.request("close_order")["reason"]

    for part in (activity, app_id, answer.error_type, app_and_advice, answer.message):
        assert part in reason


@EACH_STEP
def test_a_hopeless_error_after_an_outage_ends_the_retries(activity: str) -> None:
    """What was tried before doesn't change that no further attempt can help."""
    played = play({activity: [OUTAGE, UNREGISTERED]})

    assert UNDO_OF[activity] in played.calls
    assert f"{activity}#2" in played.calls
    assert f"{activity}#3" not in played.calls
    assert played.status == "compensated"


@EACH_STEP
def test_a_refusal_after_an_outage_has_nothing_to_undo(activity: str) -> None:
    """The participant's fence answers for all attempts: refused means that none of them took effect."""
    played = play({activity: [OUTAGE, REFUSED]})

    assert UNDO_OF[activity] not in played.calls
    assert played.status == "compensated"


def repaired(decision: str, step: str) -> Raised:
    return Raised(
        "repair",
        "park_order",
        seconds=60,
        payload={"step": step, "decision": decision, "by": "ann", "note": "", "repair_id": "rep-1"},
    )


def test_an_undo_is_patient_for_half_an_hour() -> None:
    """A participant that is away for minutes costs no person's time; after half an hour one is asked."""
    answers = {"book_shipment": [REFUSED], "refund_payment": always(OUTAGE)[:35]}
    played = play(answers, repaired("retry", "process_payment"))
    first, *_, last = [moment for moment in played.at_seconds("refund_payment") if moment < _parked_at(played)]

    assert 25 * 60 < last - first <= 30 * 60
    assert played.calls.index("release_stock") < played.calls.index("park_order")


def _parked_at(played: Play) -> float:
    return played.at_seconds("park_order")[0]


def test_an_undo_without_answer_gives_up_at_its_deadline() -> None:
    """Half an hour after the undo's only attempt the next one begins, and the order is parked."""
    played = play({"book_shipment": [REFUSED], "refund_payment": [NEVER]}, repaired("retry", "process_payment"))

    assert played.calls == [
        *through("book_shipment"),
        *undone_before("book_shipment")[:-1],
        "park_order",
        "refund_payment",
        "close_order",
    ]
    following = undone_from("process_payment")[1]
    assert played.at_seconds(following) == [played.at_seconds("refund_payment")[0] + 1800]


@pytest.mark.parametrize("record", ["validate_order", "complete_order"])
@pytest.mark.parametrize("answer", [UNREGISTERED, UNREADABLE], ids=["unregistered", "unreadable"])
def test_the_sagas_own_records_are_retried_until_done(answer: Answer, record: str) -> None:
    """The order's database will be back, and until then nothing is decided."""
    played = play({record: [answer] * 50})

    assert [call for call in played.calls if call.partition("#")[0] == record] == [record, *again(record, 51)]
    assert [call for call in played.calls if "#" not in call] == COMPLETED
    assert played.status == "completed"


@pytest.mark.parametrize("record", ["close_order", "park_order"])
def test_the_record_of_an_undone_order_is_retried_until_done(record: str) -> None:
    """The end of an order isn't lost to an outage of its database."""
    answers = {"process_payment": [REFUSED], "release_stock": [REFUSED], record: [OUTAGE] * 20}
    nth = 21 if record == "park_order" else 1
    decision = {"step": "reserve_stock", "decision": "retry", "by": "ann", "note": "", "repair_id": "rep-1"}

    played = play(answers, Raised("repair", "park_order", nth, seconds=60, payload=decision))

    assert f"{record}#21" in played.calls
    assert played.status == "compensated"


@pytest.mark.parametrize("claim", [{"claimed": False}, {"run_id": "another-run"}], ids=["not claimed", "other run"])
def test_a_run_that_does_not_own_the_order_does_nothing(claim: dict[str, object]) -> None:
    """Dapr may run a finished order again: such a run must leave no trace."""
    played = play({"validate_order": [Answer(response=claim)]})

    assert played.calls == ["validate_order"]
    assert played.status == "not_claimed"


@EACH_STEP
def test_retries_are_paused_for_1_2_4_8_seconds(activity: str) -> None:
    """The default policy: five attempts, one second at first, doubled each time."""
    played = play({activity: always(OUTAGE)})
    starts = played.at_seconds(activity)

    assert [later - earlier - 0.125 for earlier, later in pairwise(starts)] == [1, 2, 4, 8]


def test_a_deadline_that_would_pass_during_the_pause_ends_the_step() -> None:
    """No attempt starts after the deadline: the saga gives up instead of pausing."""
    played = play({"process_payment": [late(14), *[Answer("ConnectionError", "away", seconds=10)] * 5]})
    slow = play({"process_payment": [Answer("ConnectionError", "away", seconds=9)] * 5})

    assert played.status == "completed"
    assert slow.calls == [
        *through("process_payment"),
        "process_payment#2",
        "process_payment#3",
        *undone_from("process_payment"),
    ]
    assert slow.at_seconds("refund_payment")[0] <= slow.at_seconds("process_payment")[0] + 30


@EACH_STEP
def test_the_timeline_shows_every_attempt(activity: str) -> None:
    """Outcome, attempts and the error of each attempt stand in the record of the step."""
    played = play({activity: always(OUTAGE)})
    step = next(step for step in played.timeline.steps if step.name == activity)

    assert (step.outcome, step.attempts, step.kind) == ("unknown", 5, "do")
    assert [error.attempt for error in step.errors] == [1, 2, 3, 4, 5]
    assert all("the database is away" in error.error for error in step.errors)
    assert all(step.ended_at is not None for step in played.timeline.steps)


def test_the_order_records_the_timeline_it_shows() -> None:
    """The last word, in the order's row, is the same as what was shown live."""
    played = play({"process_payment": [REFUSED]})

    assert played.request("close_order")["timeline"] == played.timeline.model_dump(mode="json")
