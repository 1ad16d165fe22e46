"""A cancel at every place of the order saga: what it ends, what it lets end, and what it comes too late for."""

import pytest

from saga_testing.script import NEVER, OUTAGE, REFUSED, Answer, Raised, always
from tests.unit.saga.played_orders import COMPLETED, DOS, EACH_STEP, UNDO_OF, play, through, undone_before, undone_from

pytestmark = pytest.mark.unit
ROW_SAYS_CANCELLED = Answer(response={"status": "cancelled"})


def test_a_cancel_before_the_first_step_begins_nothing() -> None:
    """The order's row says so as the saga begins; the event may come later, or never."""
    played = play({"validate_order": [Answer(response={"cancelled": True})]}, Raised("cancel", "close_order"))

    assert played.calls == ["validate_order", "close_order"]
    assert played.status == "cancelled"
    assert played.request("close_order")["reason"] == "the customer cancelled the order"


@pytest.mark.parametrize(("during", "last"), [("validate_order", DOS[0]), *((step, step) for step in DOS[:-1])])
def test_a_cancel_before_a_step_undoes_what_came_before(during: str, last: str) -> None:
    """The running step is waited for, no further step begins, and the order ends as cancelled.

    One that comes after the order was validated and before the first step began is received during that step: listening
    earlier would cost every order another timer.
    """
    played = play(None, Raised("cancel", during))

    assert played.calls == [*through(last), *undone_from(last)]
    assert played.status == "cancelled"


@EACH_STEP
def test_a_cancel_during_retries_ends_them(activity: str) -> None:
    """Between two attempts a cancel is heeded at once; the step may have happened and is undone."""
    during_pause = Raised("cancel", activity, seconds=0.5)
    played = play({activity: always(OUTAGE)}, during_pause)

    assert played.calls == [*through(activity), *undone_from(activity)]
    assert played.status == "cancelled"
    assert played.at_seconds(UNDO_OF[activity])[0] < played.at_seconds(activity)[0] + 1


@EACH_STEP
def test_a_cancel_during_a_failing_attempt_lets_no_other_follow(activity: str) -> None:
    """A cancel that came while the attempt ran is remembered when the attempt fails."""
    played = play({activity: always(OUTAGE)}, Raised("cancel", activity))

    assert played.calls == [*through(activity), *undone_from(activity)]
    assert played.status == "cancelled"


@EACH_STEP
def test_a_cancel_does_not_cut_a_deadline_short(activity: str) -> None:
    """A step that never answers is waited for to its deadline, cancelled or not, and then undone."""
    played = play({activity: [NEVER]}, Raised("cancel", activity, seconds=3))

    assert played.calls == [*through(activity), *undone_from(activity)]
    assert played.at_seconds(UNDO_OF[activity])[0] >= played.at_seconds(activity)[0] + 30


def test_a_pivot_that_is_refused_without_a_cancel_compensates() -> None:
    """It came too late, or another run owns the order: everything is undone, and the customer cancelled nothing."""
    played = play({"complete_order": [REFUSED]})

    assert played.calls == [*COMPLETED, *undone_from(DOS[-1])]
    assert played.status == "compensated"
    assert "card declined" in played.request("close_order")["reason"]


def test_a_cancel_that_wins_against_the_pivot_undoes_everything() -> None:
    """The pivot's activity refuses, since the row says that the customer cancelled first."""
    played = play({"complete_order": [REFUSED], "close_order": [ROW_SAYS_CANCELLED]}, Raised("cancel", DOS[-1]))

    assert played.calls == [*COMPLETED, *undone_from(DOS[-1])]
    assert played.status == "cancelled"


def test_a_cancel_whose_event_is_lost_still_wins_at_the_pivot() -> None:
    """The row decides, not the event."""
    played = play({"complete_order": [REFUSED], "close_order": [ROW_SAYS_CANCELLED]})

    assert played.calls == [*COMPLETED, *undone_from(DOS[-1])]
    assert played.status == "cancelled"


def test_a_cancel_that_loses_against_the_pivot_changes_nothing() -> None:
    """Once the order's row says completed, nothing is undone."""
    played = play(None, Raised("cancel", "complete_order"))

    assert played.calls == COMPLETED
    assert played.status == "completed"


def test_a_cancel_during_compensation_stops_no_undo() -> None:
    """What is being undone goes on being undone."""
    played = play({"book_shipment": [REFUSED], "refund_payment": [OUTAGE]}, Raised("cancel", "refund_payment"))

    undos = undone_before("book_shipment")
    undos.insert(undos.index("refund_payment") + 1, "refund_payment#2")
    assert played.calls == [*through("book_shipment"), *undos]
