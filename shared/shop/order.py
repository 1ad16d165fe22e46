"""Messages of the order-service: the workflow's input and its local activities."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from shared.contracts.app import App
from shared.contracts.call import Fault
from shared.contracts.contract import UNTIL_DONE, AnyContract, Contract, with_undos
from shared.contracts.message import Message
from shared.contracts.repair import AppliedRepair, StuckStep
from shared.contracts.timeline import Timeline
from shared.shop.approval import ApprovalStanding, ConcludeApproval, FraudCheck, HoldOrder
from shared.shop.groups import CORE
from shared.shop.inference import RUN_ML_INFERENCE
from shared.shop.inventory import INVENTORY_SERVICE, RESERVE_STOCK, StockLine
from shared.shop.payment import PROCESS_PAYMENT
from shared.shop.shipping import BOOK_SHIPMENT, Address

ORDER_SERVICE: Final = "order-service"
ORDER_WORKFLOW: Final = "order_workflow"
ORDER_RECOVERY_WORKFLOW: Final = "order_recovery_workflow"


class ReturnKind(StrEnum):
    """How money of a completed order came back to its customer."""

    REFUND = "refund"
    """By the gateway, whose books show it."""
    CHARGEBACK = "chargeback"
    """The bank took it back; whether the gateway's books show it depends on the gateway."""
    RETURN = "return"
    """Goods came back, and it was paid out as the shop saw fit."""


class OrderStatus(StrEnum):
    """The customer's story."""

    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    COMPENSATED = "compensated"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"

    @property
    def has_ended(self) -> bool:
        """Nothing more happens to the order, unless a person does it."""
        return self in {OrderStatus.COMPLETED, OrderStatus.COMPENSATED, OrderStatus.CANCELLED}


class PlacedOrder(Message):
    """The input of the order workflow.

    `run_id` is new for every attempt to start the workflow: Dapr silently replaces a finished instance when its id is
    scheduled again, and only the run that claims the order may act (see `ValidateOrder`).

    `deadline_at`: an order that hasn't passed its pivot by then is undone. `undo_patience_seconds`: how long each
    compensation is tried before a person is asked; None leaves it to its contract. `fraud_check`: how it is checked for
    fraud before anything is done for it; None: it isn't.
    """

    order_id: str
    run_id: str
    lines: tuple[StockLine, ...]
    total_cents: int
    currency: str
    payment_token: str
    shipping_address: Address
    deadline_at: datetime | None = None
    undo_patience_seconds: float | None = None
    fraud_check: FraudCheck | None = None
    faults: tuple[Fault, ...] = ()


class ValidateOrder(Message):
    """Claim the order for this run of the workflow."""

    run_id: str


class OrderValidated(Message):
    """`claimed` is false if another run of the workflow owns the order; this one must end without a trace.

    `cancelled`: the customer cancelled before the saga began, so that it needn't begin.
    """

    claimed: bool
    run_id: str
    cancelled: bool = False


class CompleteOrder(Message):
    """The pivot: record the order as completed, unless it was cancelled, is late, or belongs to another run."""

    timeline: Timeline
    tracking_number: str
    run_id: str


class CloseOrder(Message):
    """Record the end of an order that was undone, and the person's decisions that led to it."""

    timeline: Timeline
    status: OrderStatus
    reason: str
    run_id: str
    repairs: tuple[AppliedRepair, ...] = ()


class ParkOrder(Message):
    """Record that compensation gave up and a person has to decide, and what came of the decision before."""

    timeline: Timeline
    reason: str
    money_at_risk_cents: int
    run_id: str
    stuck: tuple[StuckStep, ...] = ()
    repairs: tuple[AppliedRepair, ...] = ()


class OrderRecorded(Message):
    """The order's row says so. `owned` is false if another run owns the order: this one must end without a trace."""

    status: OrderStatus
    owned: bool = True


class RecoverOrder(Message):
    """The input of the recovery workflow: undo the whole order in place of a run that was lost.

    `order.run_id` is the recovery's own; `replaces` the run that it takes the order from (None: none had claimed it).
    """

    order: PlacedOrder
    replaces: str | None
    reason: str


class TakeOverOrder(Message):
    """Make a recovery the order's owner, if the run that it replaces still is and the order is open."""

    run_id: str
    replaces: str | None
    instance_id: str


class OrderTakenOver(Message):
    """`taken` is false if the order has ended or another run owns it: this one must end without a trace.

    `timeline`: how far the lost run was seen to have come.
    """

    taken: bool
    timeline: Timeline


VALIDATE_ORDER: Final = Contract(ORDER_SERVICE, "validate_order", ValidateOrder, OrderValidated, UNTIL_DONE, None)
COMPLETE_ORDER: Final = Contract(ORDER_SERVICE, "complete_order", CompleteOrder, OrderRecorded, UNTIL_DONE, None)
CLOSE_ORDER: Final = Contract(ORDER_SERVICE, "close_order", CloseOrder, OrderRecorded, UNTIL_DONE, None)
PARK_ORDER: Final = Contract(ORDER_SERVICE, "park_order", ParkOrder, OrderRecorded, UNTIL_DONE, None)
TAKE_OVER_ORDER: Final = Contract(ORDER_SERVICE, "take_over_order", TakeOverOrder, OrderTakenOver, UNTIL_DONE, None)
HOLD_ORDER: Final = Contract(ORDER_SERVICE, "hold_order", HoldOrder, ApprovalStanding, UNTIL_DONE, None)
CONCLUDE_APPROVAL: Final = Contract(
    ORDER_SERVICE, "conclude_approval", ConcludeApproval, ApprovalStanding, UNTIL_DONE, None
)

ORDER_RECORDS: Final[tuple[AnyContract, ...]] = (
    VALIDATE_ORDER,
    COMPLETE_ORDER,
    CLOSE_ORDER,
    PARK_ORDER,
    TAKE_OVER_ORDER,
    HOLD_ORDER,
    CONCLUDE_APPROVAL,
)
ORDER_STEPS: Final[tuple[AnyContract, ...]] = (RESERVE_STOCK, PROCESS_PAYMENT, BOOK_SHIPMENT)
"""Every step before the pivot, in the workflow's order: a recovery undoes them all."""

SAGA_ACTIVITIES: Final = frozenset(contract.activity for contract in (*ORDER_RECORDS, *with_undos(ORDER_STEPS)))
"""The steps, their undos and the records."""
ORDER_ACTIVITIES: Final = SAGA_ACTIVITIES | {RUN_ML_INFERENCE.activity}
"""Whatever a workflow of orders calls, and an order's fault plan may name."""

ORDER: Final = App(
    app_id=ORDER_SERVICE,
    group=CORE,
    contracts=ORDER_RECORDS,
    workflows=(ORDER_WORKFLOW, ORDER_RECOVERY_WORKFLOW),
    calls=(*with_undos(ORDER_STEPS), RUN_ML_INFERENCE),
    event_family="order",
    peers={"INVENTORY_URL": INVENTORY_SERVICE},
    databases={"AUDITOR_DATABASE_URL": "auditor"},
    shows={
        "orders": (
            "order_id",
            "status",
            "reason",
            "error",
            "lines",
            "total_cents",
            "currency",
            "money_at_risk_cents",
            "returned_cents",
            "approval_state",
            "accepted_at",
            "ended_at",
        ),
        "approvals": ("order_id", "outcome"),
        "repairs": ("repair_id", "order_id", "step", "decision", "outcome"),
        "returns": ("order_id", "kind", "amount_cents", "currency"),
    },
)
