"""The worlds of `saga_testing` with the shop's usual answers."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from saga_testing import participants, script
from saga_testing.context import Called
from saga_testing.examples import example_of
from saga_testing.script import Answer, Raised
from shared.shop.order import COMPLETE_ORDER, PARK_ORDER
from shared.shop.registry import SHOP

USUAL: Final[dict[str, dict[str, Any]]] = {
    "release_stock": {"released_units": 3},
    "process_payment": {"payment_id": "pay-1", "amount_cents": 4200},
    "refund_payment": {"refunded_cents": 4200},
    "book_shipment": {"shipment_id": "shp-1", "tracking_number": "TRACK-1"},
    "complete_order": {"status": "completed"},
    "park_order": {"status": "needs_attention"},
    "hold_order": {"state": "waiting", "due_at": "2026-01-02T00:00:00Z"},
    "conclude_approval": {"state": "approved", "deadline_at": "2026-01-03T00:00:00Z"},
    "take_over_order": {"taken": True, "timeline": {"version": 1_000_000}},
    "run_ml_inference": {"score": 0.25, "model_version": "fraud-1"},
    "assign_task": {"assignee": "ann", "lane": "standard"},
    "compliance_audit_workflow": {
        "audit_id": "aud-1",
        "number": 7,
        "hash": "cafe",
        "recorded_at": "2026-01-01T00:00:00Z",
    },
}
"""What tests look for; whatever else is called answers with an example of its contract's response."""
EXAMPLES: Final = {contract.activity: example_of(contract.response) for contract in SHOP.contracts}


def usual(call: Called) -> Mapping[str, Any]:
    """What the shop's activities and child workflows usually respond."""
    if call.instance_id is not None:
        return USUAL[call.activity]
    request = call.envelope["request"]
    if call.activity in {"validate_order", "validate_task"}:
        return {"claimed": True, "run_id": request["run_id"]}
    if call.activity in {"close_order", "close_task"}:
        return {"status": request["status"]}
    return USUAL.get(call.activity) or EXAMPLES.get(call.activity, {})


class Script(script.Script):
    """A script of answers; what it leaves out is answered as usual."""

    def __init__(
        self,
        answers: Mapping[str, Sequence[Answer]] | None = None,
        events: Sequence[Raised] = (),
        *,
        timers_late_seconds: float = 0.0,
    ) -> None:
        super().__init__(answers, events, usual=usual, timers_late_seconds=timers_late_seconds)


class Participants(participants.Participants):
    """All participants of one order."""

    def __init__(self, *, order_deadline_seconds: float | None = None) -> None:
        super().__init__(usual, COMPLETE_ORDER.activity, PARK_ORDER.activity, order_deadline_seconds)
