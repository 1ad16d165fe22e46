"""The shop's apps together: who offers what, and who calls whom."""

from collections.abc import Iterator
from typing import Final

from shared.contracts.contract import Contract
from shared.shop.audit import APPEND_AUDIT_RECORD, AUDIT_SERVICE, COMPLIANCE_AUDIT
from shared.shop.inference import RUN_ML_INFERENCE
from shared.shop.inventory import RELEASE_STOCK, RESERVE_STOCK
from shared.shop.notification import SEND_EMAIL, SEND_PUSH
from shared.shop.order import (
    CLOSE_ORDER,
    COMPLETE_ORDER,
    CONCLUDE_APPROVAL,
    HOLD_ORDER,
    ORDER_RECOVERY_WORKFLOW,
    ORDER_SERVICE,
    ORDER_WORKFLOW,
    PARK_ORDER,
    TAKE_OVER_ORDER,
    VALIDATE_ORDER,
)
from shared.shop.payment import PROCESS_PAYMENT, REFUND_PAYMENT
from shared.shop.shipping import BOOK_SHIPMENT, CANCEL_SHIPMENT
from shared.shop.task import (
    ASSIGN_TASK,
    CLOSE_TASK,
    TASK_ORCHESTRATOR_SERVICE,
    TASK_PROCESSING,
    TASK_WITH_AUDIT,
    VALIDATE_TASK,
)

EVENT_RELAY: Final = "event-relay"

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
