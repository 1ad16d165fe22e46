"""What customers read of an order that didn't go as they wanted: one of the fixed sentences, whatever anybody said."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cli.shop.timeline import headline, timeline
from order_service.workflow import order_workflow_shown_to
from saga_testing.matrix.cells import Cell, cells_of
from saga_testing.recorded import recordings
from saga_testing.script import Answer, always
from shared.contracts.timeline import StepKind, StepOutcome, Timeline
from shared.saga.failures import LONGEST_ERROR, recordable
from shared.shop.order import CLOSE_ORDER, ORDER_STEPS, PARK_ORDER, OrderStatus
from shared.shop.reasons import Reason, for_customer, for_operators, gave_back, step_that_stopped, stopped_by
from shared.shop.registry import SHOP as REGISTRY
from tests.histories import FOLDER
from tests.order_saga.matrix import SHOP, simulate
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script
from tests.unit.cli.documents import a_step, an_order_view

pytestmark = pytest.mark.unit

STRANGE: Final = (
    "ClientConnectorError(Cannot connect to host 127.0.0.1:21012)",
    "<a href='https://evil.example'>Claim your refund</a>",
    "ask eve@evil.example",
    "a NUL \0, and a line\nbreak",
    "x" * 100_000,
    "",
)
ERRORS: Final = ("NonRetryableError", "MessageRejectedError", "ConnectionError", "Eve\0Error")
UNDONE: Final = (OrderStatus.COMPENSATED, OrderStatus.CANCELLED, OrderStatus.NEEDS_ATTENTION)
CELLS: Final = list(cells_of(SHOP))


def test_each_sentence_is_one_for_customers() -> None:
    """No names of apps, activities or classes, no numbers; it ends as a sentence does."""
    apps = {part for app in REGISTRY.apps for part in (app.app_id, *(one.activity for one in app.contracts))}
    for reason in Reason:
        assert re.fullmatch(r"[A-Z][a-z', .A-Z]+\.", reason), reason
        assert not re.search(r"[a-z][A-Z]|Error|saga|workflow|compensat", reason), reason
        assert not [name for name in apps if name in reason]


@pytest.mark.parametrize("step", [step.activity for step in ORDER_STEPS])
@pytest.mark.parametrize("error_type", ERRORS)
@given(said=st.text())
@example(said=STRANGE[0])
@example(said=STRANGE[1])
@example(said=STRANGE[3])
@example(said=STRANGE[4])
def test_whatever_a_participant_says_the_reason_is_a_fixed_sentence(step: str, error_type: str, said: str) -> None:
    """It goes to the operators instead, in a form that the order's row can keep."""
    end = closed({step: always(Answer(error_type, said))})

    reason = sentence(Timeline.model_validate(end["timeline"]))
    assert reason in set(Reason)
    kept = json.dumps(end, ensure_ascii=False)
    assert "\\u0000" not in kept
    kept.encode()
    assert len(end["reason"]) < LONGEST_ERROR + 500


def test_half_a_letter_can_be_recorded() -> None:
    """JSON can hold one; no database does."""
    assert recordable("a\ud800b\0c") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def sentence(of: Timeline) -> Reason | None:
    """What the steps of an order say to its customer, if they do."""
    step = step_that_stopped(of)
    return None if step is None else stopped_by(step)


def closed(answers: dict[str, list[Answer]]) -> Mapping[str, Any]:
    """The order's end as its workflow has it recorded."""
    played = Script(answers).play(order_workflow_shown_to, an_order())
    return played.request("close_order")


@pytest.mark.parametrize(
    ("step", "error_type", "reason"),
    [
        ("reserve_stock", "NonRetryableError", Reason.OUT_OF_STOCK),
        ("process_payment", "NonRetryableError", Reason.CARD_DECLINED),
        ("book_shipment", "NonRetryableError", Reason.NO_DELIVERY),
        ("reserve_stock", "ConnectionError", Reason.OUR_FAULT),
        ("process_payment", "GatewayOutageError", Reason.PAYMENT_FAILED),
        ("process_payment", "QuarantinedError", Reason.PAYMENT_FAILED),
        ("book_shipment", "ActivityNotRegisteredError", Reason.OUR_FAULT),
    ],
)
def test_each_kind_has_its_sentence(step: str, error_type: str, reason: Reason) -> None:
    end = closed({step: always(Answer(error_type, "why"))})

    assert sentence(Timeline.model_validate(end["timeline"])) is reason
    assert "why" in end["reason"]


def test_a_step_of_another_participant_has_the_general_sentence() -> None:
    """A new step needs none of its own; and a fraud score that nobody gave is no reason."""
    said_no = a_step("wrap_gift", StepKind.DO, StepOutcome.REFUSED)
    no_score = a_step("run_ml_inference", StepKind.DO, StepOutcome.UNKNOWN)

    assert sentence(Timeline(version=1, steps=(no_score, said_no))) is Reason.REFUSED
    assert sentence(Timeline(version=1, steps=(no_score,))) is None


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_no_cell_of_the_matrix_ends_without_a_sentence(cell: Cell) -> None:
    """What a fault says of itself reaches nobody but operators; all that was taken is given back."""
    played = simulate(cell).play
    for name in {CLOSE_ORDER.activity, PARK_ORDER.activity} & {call.activity for call in played.called}:
        recorded = Timeline.model_validate(played.request(name)["timeline"])
        assert sentence(recorded) in {*Reason, None}
        assert name == PARK_ORDER.activity or gave_back(recorded)


def test_what_was_recorded_has_a_sentence() -> None:
    """Every end in the recorded histories, as an earlier version put it."""
    ends = [
        json.loads(event.taskScheduled.input.value)["request"]
        for recording in recordings(FOLDER)
        for event in recording.events
        if event.taskScheduled.name in {CLOSE_ORDER.activity, PARK_ORDER.activity}
    ]

    assert len(ends) > len(Reason)
    for end in ends:
        assert sentence(Timeline.model_validate(end["timeline"])) in {*Reason, None}
        for status in UNDONE:
            assert for_customer(status, end["reason"]) in set(Reason)
        assert for_operators(None, end["reason"]) == end["reason"]


@pytest.mark.parametrize("stored", [*STRANGE, None, "the customer cancelled the order"])
def test_what_an_earlier_version_stored_is_not_shown(stored: str | None) -> None:
    """Nor what a stranger put into an event: the sentence of the status is."""
    assert [for_customer(status, stored) for status in UNDONE] == [
        Reason.OUR_FAULT,
        Reason.CANCELLED,
        Reason.NEEDS_A_PERSON,
    ]
    assert [for_customer(status, stored) for status in ("completed", "accepted", "no status")] == [None, None, None]
    assert for_operators(None, stored) == stored


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_is_shown_as_it_is(reason: Reason) -> None:
    assert for_customer("compensated", reason.value) is reason
    assert for_operators(None, reason.value) is None
    assert for_operators("why", reason.value) == "why"


@pytest.mark.parametrize(
    ("outcomes", "gives_back"),
    [((), True), (("done",), True), (("failed",), False), (("failed", "done"), True), (("done", "failed"), False)],
)
def test_money_that_a_person_left_is_not_called_given_back(outcomes: tuple[str, ...], *, gives_back: bool) -> None:
    refunds = tuple(a_step("refund_payment", "undo", outcome) for outcome in outcomes)

    assert gave_back(Timeline(version=1, steps=(*refunds, a_step("release_stock", "undo", "failed")))) is gives_back


def test_the_command_line_shows_the_reason_above_the_steps_and_the_error_below() -> None:
    order = an_order_view(status="compensated", reason=Reason.PAYMENT_FAILED, error="[gateway] gave up")

    assert headline(order).splitlines()[1] == Reason.PAYMENT_FAILED
    assert "gave up" not in headline(order)
    assert timeline(order).renderables[-1] == r"error: \[gateway] gave up"
