"""Any fault plan, on any steps at once: an order ends as completed or as undone, and never in between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_service.workflow import order_workflow_shown_to
from saga_testing.matrix.cells import UNDO_PATIENCE_SECONDS
from shared.contracts.call import Fault, FaultMode
from shared.shop.order import PlacedOrder
from tests.order_saga.matrix import SHOP
from tests.order_saga.orders import an_order
from tests.order_saga.worlds import Participants

pytestmark = pytest.mark.unit

RECORDS = {SHOP.claim, SHOP.close, SHOP.park}
"""They only record what the saga decided, and never refuse."""
FAULTS = st.builds(
    Fault,
    activity=st.sampled_from(sorted(SHOP.activities)),
    mode=st.sampled_from(FaultMode),
    times=st.sampled_from([1, 1, 2, 5, 9]),
    seconds=st.sampled_from([0.5, 20.0, 29.0, 40.0, 100.0]),
).filter(lambda fault: fault.mode is not FaultMode.REFUSE or fault.activity not in RECORDS)


@settings(max_examples=400, deadline=None, database=None)
@given(plan=st.lists(FAULTS, max_size=6))
def test_any_plan_ends_in_all_or_nothing(plan: list[Fault]) -> None:
    """Also when late actions have come in: a completed order kept every step, an undone one none."""
    participants = Participants()
    order = PlacedOrder.model_validate(
        {**an_order().model_dump(), "faults": plan, "undo_patience_seconds": UNDO_PATIENCE_SECONDS}
    )

    played = participants.play(order_workflow_shown_to, order)

    kept = {step.do for step in SHOP.steps if participants.states.get(step.do) == "done"}
    assert not played.waits_for_ever
    assert played.status in {"completed", "compensated"}
    assert kept == ({step.do for step in SHOP.steps} if played.status == "completed" else set())
