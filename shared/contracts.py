"""The one table of activities: who offers what, with which messages, how often it is tried and how long.

Caller and participant both import this module and neither imports the other. Each app id and activity name stands in
the tree once, here, because Dapr routes by string.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from shared.messages.approval import ApprovalStanding, ConcludeApproval, HoldOrder
from shared.messages.audit import AppendAuditRecord, ComplianceAudit, ComplianceAudited
from shared.messages.base import Message
from shared.messages.call import UndoStep
from shared.messages.inference import MlInferenceResult, RunMlInference
from shared.messages.inventory import ReserveStock, StockReleased, StockReserved
from shared.messages.notification import NotificationSent, SendEmail, SendPush
from shared.messages.order import (
    CloseOrder,
    CompleteOrder,
    OrderRecorded,
    OrderTakenOver,
    OrderValidated,
    ParkOrder,
    TakeOverOrder,
    ValidateOrder,
)
from shared.messages.payment import PaymentProcessed, PaymentRefunded, ProcessPayment
from shared.messages.shipping import BookShipment, ShipmentBooked, ShipmentCancelled
from shared.messages.task import AssignTask, CloseTask, TaskAssigned, TaskClosed, TaskValidated, ValidateTask

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)

ORDER_SERVICE: Final = "order-service"
PAYMENT_SERVICE: Final = "payment-service"
INVENTORY_SERVICE: Final = "inventory-service"
SHIPPING_SERVICE: Final = "shipping-service"
NOTIFICATION_SERVICE: Final = "notification-service"
ML_INFERENCE_SERVICE: Final = "ml-inference-service"
AUDIT_SERVICE: Final = "audit-service"
TASK_ORCHESTRATOR_SERVICE: Final = "task-orchestrator-service"
EVENT_RELAY: Final = "event-relay"

ORDER_WORKFLOW: Final = "order_workflow"
ORDER_RECOVERY_WORKFLOW: Final = "order_recovery_workflow"
TASK_PROCESSING: Final = "task_processing_multi_app"
TASK_WITH_AUDIT: Final = "task_with_audit"
PROBE_CALLS: Final = "probe_calls"
"""Each app that calls others has this workflow beside its own, for `shop doctor`."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an outage is retried. The intervals grow by `coefficient` up to `max_interval_seconds`."""

    max_attempts: int
    first_interval_seconds: float
    coefficient: float
    max_interval_seconds: float

    def seconds_after(self, attempt: int) -> float | None:
        """The pause after the failed attempt with this number (from 1), or None if it was the last."""
        if attempt >= self.max_attempts:
            return None
        exponent = min(attempt - 1, 64)  # beyond this any coefficient is past its cap, and floats overflow
        return min(self.first_interval_seconds * self.coefficient**exponent, self.max_interval_seconds)


@dataclass(frozen=True, slots=True)
class Contract(Generic[RequestT, ResponseT]):
    """One activity of one app. The deadline covers all attempts together; None waits for ever (local calls only)."""

    app_id: str
    activity: str
    request: type[RequestT]
    response: type[ResponseT]
    retry: RetryPolicy
    deadline_seconds: float | None


@dataclass(frozen=True, slots=True)
class ChildContract(Generic[RequestT, ResponseT]):
    """One workflow of one app that workflows of others call as their child.

    It fails as `NonRetryableError` if it refuses, and as `MessageRejectedError` if it can't read its input.
    """

    app_id: str
    workflow: str
    request: type[RequestT]
    response: type[ResponseT]
    deadline_seconds: float
    """For the caller's timer. It ends the wait for an app that is slow, not for one that is away: Dapr saves no turn
    that begins a child there, so that the caller stands still until the app is back."""


DO: Final = RetryPolicy(max_attempts=5, first_interval_seconds=1.0, coefficient=2.0, max_interval_seconds=30.0)
"""The default of a forward step: 1, 2, 4, 8 s between five attempts."""

UNDO: Final = RetryPolicy(max_attempts=100_000, first_interval_seconds=1.0, coefficient=2.0, max_interval_seconds=60.0)
"""Compensation is far more patient: it is tried until its deadline, and then a person is asked."""

UNTIL_DONE: Final = RetryPolicy(
    max_attempts=1_000_000, first_interval_seconds=0.5, coefficient=2.0, max_interval_seconds=30.0
)
"""For the saga's own records: without them it can't go on, and its own database will be back."""

DO_SECONDS: Final = 30.0
UNDO_SECONDS: Final = 30 * 60.0
"""The patience of a compensation, unless the order carries another (`PlacedOrder.undo_patience_seconds`)."""
TASK_SECONDS: Final = 30 * 60.0
"""Nobody waits at a counter for a task: whom it calls may be away for long, and it goes on when they are back. For its
activities a task may carry another patience (`AcceptedTask.patience_seconds`)."""

RESERVE_STOCK: Final = Contract(INVENTORY_SERVICE, "reserve_stock", ReserveStock, StockReserved, DO, DO_SECONDS)
RELEASE_STOCK: Final = Contract(INVENTORY_SERVICE, "release_stock", UndoStep, StockReleased, UNDO, UNDO_SECONDS)
PROCESS_PAYMENT: Final = Contract(PAYMENT_SERVICE, "process_payment", ProcessPayment, PaymentProcessed, DO, DO_SECONDS)
REFUND_PAYMENT: Final = Contract(PAYMENT_SERVICE, "refund_payment", UndoStep, PaymentRefunded, UNDO, UNDO_SECONDS)
BOOK_SHIPMENT: Final = Contract(SHIPPING_SERVICE, "book_shipment", BookShipment, ShipmentBooked, DO, DO_SECONDS)
CANCEL_SHIPMENT: Final = Contract(SHIPPING_SERVICE, "cancel_shipment", UndoStep, ShipmentCancelled, UNDO, UNDO_SECONDS)

VALIDATE_ORDER: Final = Contract(ORDER_SERVICE, "validate_order", ValidateOrder, OrderValidated, UNTIL_DONE, None)
COMPLETE_ORDER: Final = Contract(ORDER_SERVICE, "complete_order", CompleteOrder, OrderRecorded, UNTIL_DONE, None)
CLOSE_ORDER: Final = Contract(ORDER_SERVICE, "close_order", CloseOrder, OrderRecorded, UNTIL_DONE, None)
PARK_ORDER: Final = Contract(ORDER_SERVICE, "park_order", ParkOrder, OrderRecorded, UNTIL_DONE, None)
TAKE_OVER_ORDER: Final = Contract(ORDER_SERVICE, "take_over_order", TakeOverOrder, OrderTakenOver, UNTIL_DONE, None)
HOLD_ORDER: Final = Contract(ORDER_SERVICE, "hold_order", HoldOrder, ApprovalStanding, UNTIL_DONE, None)
CONCLUDE_APPROVAL: Final = Contract(
    ORDER_SERVICE, "conclude_approval", ConcludeApproval, ApprovalStanding, UNTIL_DONE, None
)

SEND_EMAIL: Final = Contract(NOTIFICATION_SERVICE, "send_email", SendEmail, NotificationSent, DO, TASK_SECONDS)
SEND_PUSH: Final = Contract(NOTIFICATION_SERVICE, "send_push", SendPush, NotificationSent, DO, TASK_SECONDS)
RUN_ML_INFERENCE: Final = Contract(
    ML_INFERENCE_SERVICE, "run_ml_inference", RunMlInference, MlInferenceResult, DO, TASK_SECONDS
)
"""An order that asks for it is far less patient (`FraudCheck.patience_seconds`)."""

COMPLIANCE_AUDIT: Final = ChildContract(
    AUDIT_SERVICE, "compliance_audit_workflow", ComplianceAudit, ComplianceAudited, TASK_SECONDS
)
"""Called with `audit_instance_id` as its instance id, and with the caller's history (`PropagationScope.LINEAGE`)."""
VALIDATE_TASK: Final = Contract(
    TASK_ORCHESTRATOR_SERVICE, "validate_task", ValidateTask, TaskValidated, UNTIL_DONE, None
)
ASSIGN_TASK: Final = Contract(TASK_ORCHESTRATOR_SERVICE, "assign_task", AssignTask, TaskAssigned, UNTIL_DONE, None)
CLOSE_TASK: Final = Contract(TASK_ORCHESTRATOR_SERVICE, "close_task", CloseTask, TaskClosed, UNTIL_DONE, None)

APPEND_AUDIT_RECORD: Final = Contract(
    AUDIT_SERVICE, "append_audit_record", AppendAuditRecord, ComplianceAudited, UNTIL_DONE, None
)

AnyContract = Contract[Message, Message]

ORDER_CONTRACTS: Final[tuple[Contract, ...]] = (  # type: ignore[type-arg] # a table of unlike contracts
    RESERVE_STOCK,
    RELEASE_STOCK,
    PROCESS_PAYMENT,
    REFUND_PAYMENT,
    BOOK_SHIPMENT,
    CANCEL_SHIPMENT,
    VALIDATE_ORDER,
    COMPLETE_ORDER,
    CLOSE_ORDER,
    PARK_ORDER,
    TAKE_OVER_ORDER,
    HOLD_ORDER,
    CONCLUDE_APPROVAL,
)
"""What an order's workflows call of the four core services."""

TASK_CONTRACTS: Final[tuple[Contract, ...]] = (  # type: ignore[type-arg] # as ORDER_CONTRACTS
    SEND_EMAIL,
    SEND_PUSH,
    RUN_ML_INFERENCE,
    APPEND_AUDIT_RECORD,
    VALIDATE_TASK,
    ASSIGN_TASK,
    CLOSE_TASK,
)
"""What the workflows of tasks call, and what a task's fault plan may name; orders call `RUN_ML_INFERENCE` too."""

CONTRACTS: Final = ORDER_CONTRACTS + TASK_CONTRACTS

CHILD_CONTRACTS: Final = (COMPLIANCE_AUDIT,)


def audit_instance_id(task_id: str) -> str:
    """The instance id of the task's audit, which is its key on the record as well."""
    return f"audit-{task_id}"


WORKFLOWS: Final = {
    ORDER_SERVICE: (ORDER_WORKFLOW, ORDER_RECOVERY_WORKFLOW),
    TASK_ORCHESTRATOR_SERVICE: (TASK_PROCESSING, TASK_WITH_AUDIT),
    AUDIT_SERVICE: (COMPLIANCE_AUDIT.workflow,),
}
"""What each app must register beside its activities."""

CALLS: Final = {
    ORDER_SERVICE: (
        *(contract for contract in ORDER_CONTRACTS if contract.app_id != ORDER_SERVICE),
        RUN_ML_INFERENCE,
    ),
    TASK_ORCHESTRATOR_SERVICE: (SEND_EMAIL, SEND_PUSH, RUN_ML_INFERENCE),
}
"""Which activities of other apps the workflows of an app call."""


def contracts_of(app_id: str) -> Iterator[Contract]:  # type: ignore[type-arg] # as CONTRACTS
    """All activities that this app must register."""
    return (contract for contract in CONTRACTS if contract.app_id == app_id)
