"""A risky order waits for a person before anything is done for it; all ways in which that can end."""

from collections.abc import Mapping, Sequence

import pytest

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Play, replay
from saga_testing.script import NEVER, OUTAGE, REFUSED, UNREGISTERED, Answer, Raised, always, late
from shared.shop.approval import WhenAway
from tests.order_saga.orders import FACTS, a_check, an_order
from tests.order_saga.worlds import Script
from tests.unit.saga.played_orders import FULFILLED

pytestmark = pytest.mark.unit

ASKED = ["validate_order", "run_ml_inference"]
HELD = [*ASKED, "hold_order"]
CONCLUDED = [*HELD, "conclude_approval"]
DAY_SECONDS = 86_400
DUE_AT = "2026-01-02T00:00:00Z"

RISKY = Answer(response={"score": 0.93})
STILL_WAITING = Answer(response={"state": "waiting", "due_at": DUE_AT})
EXPIRED = Answer(response={"state": "expired"})
REJECTED = Answer(response={"state": "rejected", "by": "ann", "reason": "a stolen card"})
APPROVED = Raised("approval", "hold_order", seconds=3600)


def play(
    answers: Mapping[str, Sequence[Answer]] | None = None, *events: Raised, when_away: WhenAway = WhenAway.PASS
) -> Play:
    order = an_order(deadline_seconds=300, fraud_check=a_check(when_away=when_away))
    played = Script(answers, events).play(order_workflow_shown_to, order)
    again = replay(order_workflow_shown_to, order, played)
    assert (again.asked, again.result) == (played.asked, played.result), "it must replay"
    return played


def risky(answers: Mapping[str, Sequence[Answer]] | None = None, *events: Raised) -> Play:
    return play({"run_ml_inference": [RISKY], **(answers or {})}, *events)


def test_an_order_that_needs_no_check_is_as_ever() -> None:
    """Without the stamp nothing is asked, whatever this version could ask."""
    played = Script().play(order_workflow_shown_to, an_order())

    assert played.calls == ["validate_order", *FULFILLED]


def test_a_harmless_order_costs_one_question() -> None:
    """It is scored by the facts that were stamped on it, and goes on with the one timer that every order has."""
    played = play()

    assert played.calls == [*ASKED, *FULFILLED]
    assert played.status == "completed"
    assert played.request("run_ml_inference") == FACTS.model_dump(mode="json")
    assert [call.app_id for call in played.called][1] == "ml-inference-service"
    assert len(played.timers) == 1


@pytest.mark.parametrize(("score", "calls"), [(0.49, [*ASKED, *FULFILLED]), (0.5, [*CONCLUDED, *FULFILLED])])
def test_the_threshold_is_the_first_score_that_a_person_looks_at(score: float, calls: list[str]) -> None:
    """As the model's card counts it."""
    played = play({"run_ml_inference": [Answer(response={"score": score})]}, APPROVED)

    assert played.calls == calls


def test_a_risky_order_waits_with_empty_hands_until_it_is_approved() -> None:
    """Nothing is reserved, charged or booked before; then it has a deadline of its own, however long it has waited."""
    played = risky({}, APPROVED)

    assert played.calls == [*CONCLUDED, *FULFILLED]
    assert played.status == "completed"
    assert played.at_seconds("reserve_stock")[0] > 3600
    held = played.request("hold_order")
    assert (held["score"], held["model_version"], held["threshold"]) == (0.93, "fraud-1", 0.5)
    assert (held["approval_seconds"], held["run_id"]) == (DAY_SECONDS, "run-1")
    assert held["why"] == "fraud score 0.93 by fraud-1, from 0.50 on a person decides"


def test_the_deadline_after_an_approval_is_the_new_one() -> None:
    """A step that would outlast it is undone."""
    soon = Answer(response={"deadline_at": "2026-01-01T01:00:10Z"})
    played = risky({"conclude_approval": [soon], "reserve_stock": [NEVER]}, APPROVED)

    assert played.calls == [*CONCLUDED, "reserve_stock", "release_stock", "close_order"]
    assert played.at_seconds("release_stock") == [3610.0]


def test_a_rejected_order_ends_with_the_persons_reason() -> None:
    """There is nothing to undo."""
    played = risky({"conclude_approval": [REJECTED]}, APPROVED)

    assert played.calls == [*CONCLUDED, "close_order"]
    assert played.status == "compensated"
    assert played.request("close_order")["reason"] == "ann rejected the order: a stolen card"


def test_an_order_that_nobody_decides_about_expires_when_its_time_is_over() -> None:
    """A durable timer wakes the saga; nobody has to."""
    played = risky({"conclude_approval": [EXPIRED]})

    assert played.calls == [*CONCLUDED, "close_order"]
    assert played.at_seconds("conclude_approval") == [float(DAY_SECONDS)]
    assert played.request("close_order")["reason"] == "nobody approved the order in time"
    assert played.status == "compensated"


def test_a_clock_that_is_behind_the_engines_is_asked_again() -> None:
    """The row says when the time is over, a second later if need be; the saga doesn't spin."""
    played = risky({"conclude_approval": [STILL_WAITING, STILL_WAITING, EXPIRED]})

    assert played.calls == [*CONCLUDED, "conclude_approval", "conclude_approval", "close_order"]
    first, second, third = played.at_seconds("conclude_approval")
    assert 1 <= second - first <= 2
    assert 1 <= third - second <= 2


def test_an_event_that_means_nothing_changes_nothing() -> None:
    """Anyone can raise one: the row decides, and the order waits on."""
    signals = [Raised("approval", "hold_order", seconds=seconds) for seconds in (10, 20, 3600)]
    played = risky({"conclude_approval": [STILL_WAITING, STILL_WAITING]}, *signals)

    assert played.calls == [*CONCLUDED, "conclude_approval", "conclude_approval", *FULFILLED]
    assert [round(at) for at in played.at_seconds("conclude_approval")] == [10, 20, 3600]


def test_an_event_that_comes_twice_or_early_is_received_once() -> None:
    """The second is left over; one that comes before the order waits is kept for it."""
    early = Raised("approval", "run_ml_inference")
    played = risky({}, early, Raised("approval", "conclude_approval"))

    assert played.calls == [*CONCLUDED, *FULFILLED]
    assert played.at_seconds("conclude_approval")[0] < 1


@pytest.mark.parametrize("after", [0, 60], ids=["as it begins to wait", "while it waits"])
def test_a_cancel_ends_the_wait(after: int) -> None:
    """At once, and the order ends as cancelled."""
    played = risky({}, Raised("cancel", "hold_order", seconds=after))

    assert played.calls == [*HELD, "close_order"]
    assert played.status == "cancelled"
    assert played.at_seconds("close_order")[0] < after + 1


def test_a_cancel_that_the_row_knows_of_first_ends_the_wait_too() -> None:
    """Its event may be lost: the approval's signal reports it."""
    played = risky({"conclude_approval": [Answer(response={"state": "cancelled"})]}, APPROVED)

    assert played.calls == [*CONCLUDED, "close_order"]
    assert played.status == "cancelled"


def test_an_order_that_was_cancelled_before_it_is_held_never_waits() -> None:
    """The row says so."""
    played = risky({"hold_order": [Answer(response={"state": "cancelled", "due_at": None})]})

    assert played.calls == [*HELD, "close_order"]
    assert played.status == "cancelled"


def test_a_cancel_after_the_approval_is_received_between_the_attempts_of_a_step() -> None:
    """Though the timer of the wait still listens too: the engine gives the event to whoever has listened longest."""
    cancel = Raised("cancel", "reserve_stock", nth=4, seconds=1)
    played = risky({"reserve_stock": always(OUTAGE)}, APPROVED, cancel)

    assert played.status == "cancelled"
    attempts = played.at_seconds("reserve_stock")
    assert len(attempts) == 4
    assert played.at_seconds("release_stock") == [attempts[-1] + 1]


def test_a_run_that_was_replaced_while_it_waited_does_nothing_more() -> None:
    """A recovery owns the order; what this run still records is not owned."""
    replaced = Answer(response={"owned": False, "status": "compensated"})
    played = risky({"conclude_approval": [Answer(response={"state": "dropped"})], "close_order": [replaced]}, APPROVED)

    assert played.calls == [*CONCLUDED, "close_order"]
    assert played.request("close_order")["reason"] == "another run of the workflow took the order over"


UNSCORED = [
    pytest.param([NEVER], 1, id="no answer"),
    pytest.param([late(6)], 1, id="too late"),
    pytest.param(always(OUTAGE), 3, id="outages"),
    pytest.param([REFUSED], 1, id="refused"),
    pytest.param([UNREGISTERED], 1, id="unregistered"),
]


@pytest.mark.parametrize(("answers", "attempts"), UNSCORED)
def test_an_order_without_score_passes_if_the_shop_says_so(answers: list[Answer], attempts: int) -> None:
    """After 5 s at most: a service that is away costs no order, and its timeline says that it wasn't scored."""
    played = play({"run_ml_inference": answers})

    retries = [f"run_ml_inference#{attempt}" for attempt in range(2, attempts + 1)]
    assert played.calls == [*ASKED, *retries, *FULFILLED]
    assert played.status == "completed"
    assert played.at_seconds("reserve_stock")[0] <= 5.125
    assert played.timeline.steps[0].outcome != "done"


@pytest.mark.parametrize(("answers", "attempts"), UNSCORED)
def test_an_order_without_score_is_held_if_the_shop_says_so(answers: list[Answer], attempts: int) -> None:
    """The person reads why there is none."""
    del attempts
    played = play({"run_ml_inference": answers}, APPROVED, when_away=WhenAway.HOLD)

    assert played.status == "completed"
    held = played.request("hold_order")
    assert (held["score"], held["model_version"]) == (None, None)
    assert held["why"].startswith("no fraud score: run_ml_inference on ml-inference-service: ")


def test_a_cancel_while_the_score_is_retried_stops_at_once() -> None:
    """Nothing was done."""
    played = play({"run_ml_inference": always(OUTAGE)}, Raised("cancel", "run_ml_inference", nth=2, seconds=0.5))

    assert played.calls == [*ASKED, "run_ml_inference#2", "close_order"]
    assert played.status == "cancelled"


@pytest.mark.parametrize("when_away", list(WhenAway))
def test_an_order_that_is_late_is_not_held(when_away: WhenAway) -> None:
    """Its time was over before a person could have been asked."""
    order = an_order(deadline_seconds=3, fraud_check=a_check(when_away=when_away))
    played = Script({"run_ml_inference": [NEVER]}).play(order_workflow_shown_to, order)

    assert played.calls == [*ASKED, "close_order"]
    assert "not finished by its deadline" in played.request("close_order")["reason"]


def test_records_of_the_wait_are_tried_until_they_are_written() -> None:
    """Without them the saga can't go on; its own database will be back."""
    outages = [OUTAGE] * 7
    played = risky({"hold_order": outages, "conclude_approval": outages}, APPROVED)

    assert played.status == "completed"
    assert played.calls.count("hold_order#8") == 1
    assert played.calls.count("conclude_approval#8") == 1
