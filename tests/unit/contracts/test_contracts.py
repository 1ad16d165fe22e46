"""The table of activities, and that each service serves exactly its part of it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from dapr.ext.workflow import WorkflowActivityContext
from dapr.ext.workflow._durabletask import task as sdk
from sqlalchemy.ext.asyncio import create_async_engine

from audit_service.activities import serve_audit
from inventory_service.activities import serve_inventory
from inventory_service.store import Stock
from ml_inference_service.activities import serve_inference
from ml_inference_service.features import Features
from ml_inference_service.scorer import Scorer
from notification_service.activities import serve_notifications
from notification_service.mailer import SmtpMailer
from notification_service.notifications import Notifications
from notification_service.pusher import WebhookPusher
from notification_service.smtp_url import SmtpServer
from notification_service.store import NotificationStore
from order_service.activities import serve_order_activities
from order_service.approval.store import ApprovalStore
from order_service.orders import OrderStore
from payment_service.activities import serve_payments
from payment_service.http_gateway import HttpGateway
from payment_service.payments import Payments
from payment_service.store import PaymentStore
from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, UNDO
from shared.participant.activities import ActivityHost, Call
from shared.participant.errors import MessageRejectedError, NonRetryableError, Refused
from shared.participant.fence import Fence
from shared.shop.audit import AUDIT_SERVICE
from shared.shop.inference import ML_INFERENCE_SERVICE
from shared.shop.inventory import INVENTORY_SERVICE, RELEASE_STOCK, RESERVE_STOCK, StockReleased
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.shop.order import ORDER_SERVICE
from shared.shop.payment import PAYMENT_SERVICE, PROCESS_PAYMENT, REFUND_PAYMENT
from shared.shop.registry import SHOP
from shared.shop.shipping import BOOK_SHIPMENT, CANCEL_SHIPMENT, SHIPPING_SERVICE
from shared.shop.task import TASK_ORCHESTRATOR_SERVICE
from shipping_service.activities import serve_shipping
from shipping_service.store import Shipments
from task_orchestrator_service.activities import serve_task_activities
from task_orchestrator_service.store import TaskStore
from task_orchestrator_service.team import Team
from tests.registered import Registered

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
DOS = [RESERVE_STOCK, PROCESS_PAYMENT, BOOK_SHIPMENT]
UNDOS = [RELEASE_STOCK, REFUND_PAYMENT, CANCEL_SHIPMENT]
NOWHERE = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
"""An engine connects when it is used; serving activities uses none."""


def _gateway() -> HttpGateway:
    return HttpGateway("http://127.0.0.1:1", timeout_seconds=1)


def _notifications() -> Notifications:
    mailer = SmtpMailer(SmtpServer("127.0.0.1", 1, use_tls=False, start_tls=None), timeout_seconds=1, answer_seconds=1)
    pusher = WebhookPusher("http://127.0.0.1:1", (), timeout_seconds=1)
    return Notifications(NotificationStore(NOWHERE), mailer, pusher, "shop@example.com")


class _NoModel:
    def score(self, features: Features) -> float:
        raise NotImplementedError


SERVED: dict[str, Callable[[ActivityHost], None]] = {
    AUDIT_SERVICE: lambda host: serve_audit(host, NOWHERE),
    INVENTORY_SERVICE: lambda host: serve_inventory(host, Stock(Fence(NOWHERE))),
    ML_INFERENCE_SERVICE: lambda host: serve_inference(host, Scorer(_NoModel(), "v", threads=1, most_waiting=0)),
    NOTIFICATION_SERVICE: lambda host: serve_notifications(host, _notifications()),
    ORDER_SERVICE: lambda host: serve_order_activities(host, OrderStore(NOWHERE), ApprovalStore(NOWHERE)),
    PAYMENT_SERVICE: lambda host: serve_payments(host, Payments(PaymentStore(NOWHERE), _gateway())),
    SHIPPING_SERVICE: lambda host: serve_shipping(host, Shipments(Fence(NOWHERE), frozenset())),
    TASK_ORCHESTRATOR_SERVICE: lambda host: serve_task_activities(
        host, TaskStore(NOWHERE), Team(("ann",), ("bob",), 0.5)
    ),
}


@pytest.mark.parametrize("app_id", SERVED)
def test_each_service_registers_exactly_its_contracts(app_id: str) -> None:
    """No contract without an activity behind it, no activity that nobody agreed on."""
    host, registered = ActivityHost(app_id), Registered()
    SERVED[app_id](host)
    host.register(registered)
    agreed = {contract.activity for contract in SHOP.app(app_id).contracts}

    assert host.names == agreed
    assert registered.activities.keys() == agreed


def test_every_app_of_the_table_is_a_service_with_its_folder() -> None:
    """App id `payment-service` lives in the folder `payment_service`, and every one of them is tested above."""
    app_ids = {contract.app_id for contract in SHOP.contracts}

    assert app_ids == SERVED.keys()
    assert [app_id for app_id in app_ids if not (ROOT / app_id.replace("-", "_") / "activities.py").is_file()] == []


def test_every_activity_stands_in_the_table_once() -> None:
    """Dapr routes by name, and a fault plan names activities without their app."""
    assert [name for name, times in Counter(one.activity for one in SHOP.contracts).items() if times > 1] == []


@pytest.mark.parametrize("undo", UNDOS, ids=lambda contract: contract.activity)
def test_every_undo_needs_no_more_than_its_key(undo: object) -> None:
    """Whoever undoes a step whose outcome is unknown has no answer of it: the request is the same for all."""
    contract = next(one for one in SHOP.contracts if one is undo)

    assert contract.request is UndoStep
    assert contract.retry == UNDO
    assert contract.deadline_seconds == 1800


@pytest.mark.parametrize(("do", "undo"), list(zip(DOS, UNDOS, strict=True)))
def test_a_do_and_its_undo_live_in_one_app(do: object, undo: object) -> None:
    """The fence that turns away a do after its undo is a row in one database."""
    pair = [one for one in SHOP.contracts if one is do or one is undo]

    assert len({contract.app_id for contract in pair}) == 1
    assert len(pair) == 2


@pytest.mark.parametrize("do", DOS, ids=lambda contract: contract.activity)
def test_a_forward_step_has_the_default_policy_and_a_deadline(do: object) -> None:
    """Five attempts, 1 s at first, doubled, within half a minute: a customer waits."""
    contract = next(one for one in SHOP.contracts if one is do)

    assert contract.retry == DO
    assert (DO.max_attempts, DO.first_interval_seconds, DO.coefficient) == (5, 1.0, 2.0)
    assert contract.deadline_seconds == 30


def test_every_remote_contract_has_a_deadline() -> None:
    """A call to an app that is missing waits for ever in Dapr."""
    local = {ORDER_SERVICE, TASK_ORCHESTRATOR_SERVICE, AUDIT_SERVICE}
    remote = [one for one in SHOP.contracts if one.app_id not in local]

    assert [one.activity for one in remote if one.deadline_seconds is None] == []


def test_intervals_grow_to_their_cap_and_end() -> None:
    """A patient policy never waits longer than its cap, and no attempt number overflows."""
    assert [DO.seconds_after(attempt) for attempt in range(1, 6)] == [1, 2, 4, 8, None]
    assert [UNDO.seconds_after(attempt) for attempt in (6, 7, 8, 99_999, 100_000)] == [32, 60, 60, 60, None]


def test_a_contract_of_another_app_is_turned_away() -> None:
    """A mistake in wiring is found when the service starts."""
    with pytest.raises(ValueError, match="inventory-service can't serve process_payment"):
        serve_payments(ActivityHost(INVENTORY_SERVICE), Payments(PaymentStore(NOWHERE), _gateway()))


def test_a_contract_served_twice_is_turned_away() -> None:
    """Two handlers behind one name would be one that is never called."""
    host = ActivityHost(INVENTORY_SERVICE)
    SERVED[INVENTORY_SERVICE](host)

    with pytest.raises(ValueError, match="serves it already"):
        SERVED[INVENTORY_SERVICE](host)


CALL = {"saga_id": "ord-1", "step": "reserve_stock", "attempt": 1, "request": {"reason": "shipping was refused"}}


async def execute(envelope: dict[str, object], handler: Callable[[Call[UndoStep]], StockReleased]) -> dict[str, object]:
    async def release_stock(call: Call[UndoStep]) -> StockReleased:
        return handler(call)

    host, registered = ActivityHost(INVENTORY_SERVICE), Registered()
    host.serve(RELEASE_STOCK, release_stock)
    host.register(registered)
    context = WorkflowActivityContext(sdk.ActivityContext("ord-1", 1))
    return await registered.activities["release_stock"](context, envelope)


async def test_a_reply_echoes_the_key_of_its_call() -> None:
    """The saga can tell a late reply from the one that it waits for."""
    reply = await execute(CALL, lambda _: StockReleased(released_units=3))

    assert reply == {"saga_id": "ord-1", "step": "reserve_stock", "response": {"released_units": 3, "by_hand": None}}


async def test_a_handler_gets_key_attempt_and_request() -> None:
    """The key comes from the workflow, and unknown fields of a newer caller are ignored."""
    calls: list[Call[UndoStep]] = []

    def handler(call: Call[UndoStep]) -> StockReleased:
        calls.append(call)
        return StockReleased(released_units=0)

    await execute({**CALL, "attempt": 7, "from_the_future": True}, handler)

    assert [(str(call.key), call.attempt, call.request.reason) for call in calls] == [
        ("ord-1:reserve_stock", 7, "shipping was refused")
    ]


async def test_a_refusal_crosses_the_wire_as_non_retryable() -> None:
    """The SDK and the saga know a refusal by the exact name of this class."""

    def refuse(_: Call[UndoStep]) -> StockReleased:
        raise Refused("nothing to release")

    with pytest.raises(NonRetryableError, match="nothing to release"):
        await execute(CALL, refuse)


@pytest.mark.parametrize(
    "envelope", [{}, {**CALL, "request": {}}, {**CALL, "saga_id": 7}], ids=["empty", "no reason", "number as id"]
)
async def test_a_call_that_cannot_be_read_is_rejected_by_name(envelope: dict[str, object]) -> None:
    """No retry changes it: the sentence names the activity and its app."""
    with pytest.raises(MessageRejectedError, match="release_stock of inventory-service can't read the call"):
        await execute(envelope, lambda _: StockReleased(released_units=0))


async def test_an_outage_keeps_its_own_name() -> None:
    """Everything that is no refusal is retried, and the timeline tells what it was."""

    def fail(_: Call[UndoStep]) -> StockReleased:
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError, match="the database is away"):
        await execute(CALL, fail)


async def test_without_an_injector_a_fault_plan_is_ignored() -> None:
    """Production takes no faults, whatever a message says."""
    envelope = {**CALL, "faults": [{"activity": "release_stock", "mode": "refuse"}]}

    reply = await execute(envelope, lambda _: StockReleased(released_units=3))

    assert reply["response"] == {"released_units": 3, "by_hand": None}
