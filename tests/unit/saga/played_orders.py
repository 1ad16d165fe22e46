"""Orders as the engine in memory plays them, and the calls that they are expected to make: whatever steps they have."""

from collections.abc import Mapping, Sequence

import pytest

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import Play
from saga_testing.script import Answer, Raised
from shared.shop.order import ORDER_STEPS
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script

DOS = [step.activity for step in ORDER_STEPS]
UNDO_OF = {step.activity: step.undo.activity for step in ORDER_STEPS if step.undo is not None}
FULFILLED = [*DOS, "complete_order"]
COMPLETED = ["validate_order", *FULFILLED]
EACH_STEP = pytest.mark.parametrize("activity", DOS)


def through(activity: str) -> list[str]:
    """The calls of an order up to the step."""
    return COMPLETED[: COMPLETED.index(activity) + 1]


def after(activity: str) -> list[str]:
    """The calls of an order after the step."""
    return COMPLETED[COMPLETED.index(activity) + 1 :]


def undone_from(activity: str) -> list[str]:
    """The step's undo and those before it, newest first, and the end."""
    return [*(UNDO_OF[do] for do in reversed(DOS[: DOS.index(activity) + 1])), "close_order"]


def undone_before(activity: str) -> list[str]:
    """The undos of the steps before this one, newest first, and the end."""
    return undone_from(activity)[1:]


def again(activity: str, attempts: int) -> list[str]:
    """The retries of an activity, from its second attempt."""
    return [f"{activity}#{attempt}" for attempt in range(2, attempts + 1)]


def play(answers: Mapping[str, Sequence[Answer]] | None = None, *events: Raised) -> Play:
    return Script(answers, events).play(order_workflow_shown_to, an_order())
