"""`ctx.is_patched` changes a workflow for runs that begin now, and leaves those under way as they were."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from dapr.ext.workflow import DaprWorkflowContext

from order_service.workflow import order_workflow_shown_to
from saga_testing.engine import replay as replay_in_memory
from saga_testing.recorded import HistoryMismatchError, Recording, begin, noting, recordings, replay
from shared.saga.context import Turns, WorkflowContext
from shared.saga.saga import Observer
from shared.shop.order import ORDER_WORKFLOW, PlacedOrder
from tests.histories import FOLDER
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Script

pytestmark = pytest.mark.unit

RECORDINGS: Final = list(recordings(FOLDER))
PATCH: Final = "pay-first"
SWAP: Final = {"reserve_stock": "process_payment", "process_payment": "reserve_stock"}
WITH_STEPS: Final = [one for one in RECORDINGS if any(event.taskScheduled.name in SWAP for event in one.events)]


class PayFirst:
    """A context in which runs that begin now have their first two steps swapped."""

    def __init__(self, inner: WorkflowContext) -> None:
        self._inner = inner
        self._patched: bool | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._inner, name)

    def call_activity(self, activity: str, **more: Any) -> Any:  # noqa: ANN401 - as the SDK's
        if self._patched is None:
            self._patched = self._inner.is_patched(PATCH)
        return self._inner.call_activity(SWAP.get(activity, activity) if self._patched else activity, **more)


def pay_first(observer: Observer | None) -> Callable[[DaprWorkflowContext, PlacedOrder], Turns[dict[str, Any]]]:
    """The order workflow behind a patch."""
    workflow = order_workflow_shown_to(observer)

    def order_workflow(ctx: DaprWorkflowContext, order: PlacedOrder) -> Turns[dict[str, Any]]:
        return workflow(PayFirst(ctx), order)  # type: ignore[arg-type] # as good as one

    return order_workflow


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.id)
def test_a_run_of_before_the_patch_goes_its_old_way(recording: Recording) -> None:
    """The real SDK answers False to a history that doesn't note the patch."""
    replay(recording, ORDER_WORKFLOW, pay_first(None))


@pytest.mark.parametrize("recording", WITH_STEPS, ids=lambda recording: recording.id)
def test_a_run_that_noted_the_patch_goes_the_new_way(recording: Recording) -> None:
    """The real SDK answers True at every replay; the old history doesn't fit the new way."""
    with pytest.raises(HistoryMismatchError, match="history mismatch"):
        replay(noting([PATCH], recording), ORDER_WORKFLOW, pay_first(None))


def test_a_run_that_begins_now_notes_the_patch() -> None:
    """The sidecar keeps in the history what the turn reports."""
    assert (PATCH,) == begin(RECORDINGS[0], ORDER_WORKFLOW, pay_first(None))


def test_the_engine_in_memory_answers_alike() -> None:
    """So that the matrix and the saga's tests can play a patched workflow."""
    began_before = Script().play(order_workflow_shown_to, an_order())
    began_now = Script().play(pay_first, an_order())

    old = replay_in_memory(pay_first, an_order(), began_before)
    new = replay_in_memory(pay_first, an_order(), began_now)

    assert began_before.calls == old.calls
    assert began_now.calls == new.calls
    assert old.calls != new.calls
    assert PATCH not in old.patches
    assert PATCH in new.patches
