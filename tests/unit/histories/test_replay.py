"""Workflows that were running when this version is deployed go on: recorded histories replay against today's code."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from dapr.ext.workflow import DaprWorkflowContext

from order_service.workflow import order_workflow_shown_to
from saga_testing.recorded import HistoryMismatchError, Recording, recordings, replay
from shared.saga.context import Turns
from shared.shop.order import ORDER_WORKFLOW, PlacedOrder
from tests.histories import FOLDER

pytestmark = pytest.mark.unit

RECORDINGS = list(recordings(FOLDER))
SWAP = {
    "reserve_stock": "process_payment",
    "process_payment": "reserve_stock",
    "hold_order": "conclude_approval",
    "conclude_approval": "hold_order",
}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.id)
def test_a_recorded_history_replays(recording: Recording) -> None:
    """The engine's own replay finds the same tasks, timers and events in the same order, and the same end."""
    replay(recording, ORDER_WORKFLOW, order_workflow_shown_to(None))


class SwappedContext:
    """A context in which the saga's first two steps have changed places, and so have the records of an approval."""

    def __init__(self, inner: DaprWorkflowContext) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._inner, name)

    def call_activity(self, activity: str, **more: Any) -> Any:  # noqa: ANN401 - as the SDK's
        return self._inner.call_activity(SWAP.get(activity, activity), **more)


def swapped() -> Callable[..., Any]:
    """The order workflow with two steps swapped."""
    workflow = order_workflow_shown_to(None)

    def order_workflow(ctx: DaprWorkflowContext, order: PlacedOrder) -> Turns[dict[str, Any]]:
        return workflow(SwappedContext(ctx), order)  # type: ignore[arg-type] # as good as one

    return order_workflow


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.id)
def test_a_swap_of_two_steps_is_noticed(recording: Recording) -> None:
    """The engine would fail every running order with this error, and nothing would be undone."""
    with pytest.raises(HistoryMismatchError, match="history mismatch"):
        replay(recording, ORDER_WORKFLOW, swapped())


def test_the_recordings_name_nothing_of_their_machine() -> None:
    """Whoever clones the project has other folders."""
    for file in FOLDER.glob("*/*.json"):
        assert re.findall(r"/(?:home|root|work|usr|tmp|opt|var)/[\w./-]*", file.read_text()) == [], file.name


def test_there_are_recordings() -> None:
    """A guard without recordings guards nothing: forward, backward, cancelled, and waiting for a person."""
    names = {recording.name for recording in RECORDINGS}

    assert names >= {"completed", "refused", "unknown_at_the_deadline", "cancelled_between_steps"}
    assert names >= {"needs_attention", "repaired"}
    assert names >= {"scored", "unscored", "approved", "rejected", "expired", "cancelled_while_waiting"}
