"""What the reconciler can find, why each matters, and what is done about it (see docs/reconciler.md)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FindingKind(StrEnum):
    """The kinds of findings."""

    RESERVATION_WITHOUT_ORDER = "reservation_without_order"
    CHARGE_WITHOUT_ORDER = "charge_without_order"
    PARCEL_WITHOUT_ORDER = "parcel_without_order"
    EFFECT_AFTER_END = "effect_after_end"
    ORDER_NOT_STARTED = "order_not_started"
    WORKFLOW_GONE = "workflow_gone"
    WORKFLOW_PAUSED = "workflow_paused"
    ORDER_STUCK = "order_stuck"
    QUARANTINED = "quarantined"
    TASK_FAILED = "task_failed"


SCANNED: Final = (
    FindingKind.RESERVATION_WITHOUT_ORDER,
    FindingKind.CHARGE_WITHOUT_ORDER,
    FindingKind.PARCEL_WITHOUT_ORDER,
    FindingKind.EFFECT_AFTER_END,
)
"""Found in the tables of all services, whose subjects are saga ids."""

OF_WORKFLOWS: Final = (FindingKind.WORKFLOW_GONE, FindingKind.WORKFLOW_PAUSED, FindingKind.ORDER_STUCK)
"""Found by asking the engine for an open order's workflow."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that isn't as it should be: `subject` is the order or saga id, `seen` what was seen."""

    kind: FindingKind
    subject: str
    seen: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """Why a kind of finding matters, and what the reconciler and a person do about it."""

    why: str
    advice: str


MEANINGS: Final[dict[FindingKind, Meaning]] = {
    FindingKind.RESERVATION_WITHOUT_ORDER: Meaning(
        "Units are kept from sale for an order that doesn't exist.",
        "Nothing: inventory-service releases them when their lease has run out. Find out who called reserve_stock.",
    ),
    FindingKind.CHARGE_WITHOUT_ORDER: Meaning(
        "Somebody's money was taken for an order that doesn't exist.",
        "Find out whose it is, refund it at the gateway by its key (saga id and step), and who called process_payment.",
    ),
    FindingKind.PARCEL_WITHOUT_ORDER: Meaning(
        "A parcel leaves that nobody ordered.", "Call the carrier off, and find out who called book_shipment."
    ),
    FindingKind.EFFECT_AFTER_END: Meaning(
        "The order ended undone, but a step of it took effect: the fence should have turned it away.",
        "Undo the step by hand at its service, and report a bug: this must never happen.",
    ),
    FindingKind.ORDER_NOT_STARTED: Meaning(
        "A customer's order waits for a workflow that was never started.",
        "Nothing while the engine is away: the order is started as soon as it is back. Otherwise see the error.",
    ),
    FindingKind.WORKFLOW_GONE: Meaning(
        "Nobody brings the order to its end: its workflow was purged, terminated, or failed.",
        "Nothing: a recovery takes the order over and undoes it. If it failed, find out why (a bad deploy?).",
    ),
    FindingKind.WORKFLOW_PAUSED: Meaning(
        "The order waits for as long as its workflow is paused, or no worker has the version that it needs.",
        "Suspended: resume it, or terminate it, and it is recovered. Stalled: deploy the version that it began with.",
    ),
    FindingKind.ORDER_STUCK: Meaning(
        "The order's time is over, or a person has decided, but its workflow takes no events; or the patience of its "
        "undos is over, and it does nothing.",
        "Nothing: the workflow is signalled, and if that doesn't help, a recovery undoes the order.",
    ),
    FindingKind.QUARANTINED: Meaning(
        "A service died of it each time, so it isn't carried out any more: the order is undone, or waits for it.",
        "See the service's log, correct the cause, and let it try again: `shop repair release ORDER STEP`.",
    ),
    FindingKind.TASK_FAILED: Meaning(
        "What a customer has paid for isn't packed.",
        "`shop task show TASK` says why: correct the cause, and begin it anew by `shop task retry TASK`.",
    ),
}
