"""The table of activities, and that each service serves exactly its part of it."""

import importlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn, get_type_hints

import pytest
from dapr.ext.workflow import WorkflowActivityContext
from dapr.ext.workflow._durabletask import task as sdk

from devstack.postgres.passwords import password_names
from devstack.settings import StackSettings
from devstack.topology.topology import build_topology
from shared.contracts.app import App
from shared.contracts.call import UndoStep
from shared.contracts.contract import DO, UNDO, AnyContract
from shared.participant.activities import ActivityHost, Call
from shared.participant.errors import MessageRejectedError, NonRetryableError, Refused
from shared.service.service import Service
from shared.service.settings import load
from shared.shop.inventory import INVENTORY_SERVICE, RELEASE_STOCK, StockReleased
from shared.shop.order import ORDER_STEPS
from shared.shop.payment import PROCESS_PAYMENT, ProcessPayment
from shared.shop.registry import SHOP
from tests.registered import Registered

pytestmark = pytest.mark.unit

SERVICES = [app for app in SHOP.apps if app.contracts]
UNDOS = [step.undo for step in ORDER_STEPS if step.undo is not None]
EACH_STEP = pytest.mark.parametrize("do", ORDER_STEPS, ids=lambda contract: contract.activity)


@pytest.mark.parametrize("app", SERVICES, ids=lambda app: app.app_id)
def test_each_service_registers_exactly_its_contracts(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    """As it is composed: no contract without an activity behind it, no activity that nobody agreed on."""
    for name, value in environment_of(app).items():
        monkeypatch.setenv(name, value)
    service, registered = composed(app), Registered()
    service.activities.register(registered)
    agreed = {contract.activity for contract in app.contracts}

    assert service.app is app
    assert service.activities.names == agreed
    assert registered.activities.keys() == agreed
    assert service.workflows.keys() == set(app.registered_workflows)


def environment_of(app: App) -> Mapping[str, str]:
    """What the local stack gives the app's process."""
    passwords = dict.fromkeys(password_names(SHOP), f"whsec_{'c2Vj' * 8}")
    return next(
        one.env for one in build_topology(StackSettings(), passwords, Path("/dapr")).processes if one.name == app.app_id
    )


def composed(app: App) -> Service:
    """An engine connects when it is used; composing uses none."""
    compose = importlib.import_module(f"{app.package}.__main__").compose
    service = compose(load(get_type_hints(compose)["settings"]))
    assert isinstance(service, Service)
    return service


def test_every_activity_stands_in_the_table_once() -> None:
    """Dapr routes by name, and a fault plan names activities without their app."""
    assert [name for name, times in Counter(one.activity for one in SHOP.contracts).items() if times > 1] == []


@pytest.mark.parametrize("undo", UNDOS, ids=lambda contract: contract.activity)
def test_every_undo_needs_no_more_than_its_key(undo: AnyContract) -> None:
    """Whoever undoes a step whose outcome is unknown has no answer of it: the request is the same for all."""
    assert undo.request is UndoStep
    assert undo.retry == UNDO
    assert undo.deadline_seconds == 1800


@EACH_STEP
def test_a_do_and_its_undo_live_in_one_app(do: AnyContract) -> None:
    """The fence that turns away a do after its undo is a row in one database."""
    assert do.undo is not None
    assert do.undo.app_id == do.app_id
    assert {do, do.undo} <= set(SHOP.app(do.app_id).contracts)


@EACH_STEP
def test_a_forward_step_has_the_default_policy_and_a_deadline(do: AnyContract) -> None:
    """Five attempts, 1 s at first, doubled, within half a minute: a customer waits."""
    assert do.retry == DO
    assert (DO.max_attempts, DO.first_interval_seconds, DO.coefficient) == (5, 1.0, 2.0)
    assert do.deadline_seconds == 30


def test_every_remote_contract_has_a_deadline() -> None:
    """A call to an app that is missing waits for ever in Dapr."""
    local = {app.app_id for app in SHOP.apps if app.registered_workflows}
    remote = [one for one in SHOP.contracts if one.app_id not in local]

    assert [one.activity for one in remote if one.deadline_seconds is None] == []


def test_intervals_grow_to_their_cap_and_end() -> None:
    """A patient policy never waits longer than its cap, and no attempt number overflows."""
    assert [DO.seconds_after(attempt) for attempt in range(1, 6)] == [1, 2, 4, 8, None]
    assert [UNDO.seconds_after(attempt) for attempt in (6, 7, 8, 99_999, 100_000)] == [32, 60, 60, 60, None]


def test_a_contract_of_another_app_is_turned_away() -> None:
    """A mistake in wiring is found when the service starts."""

    async def process_payment(_: Call[ProcessPayment]) -> NoReturn:
        raise NotImplementedError

    with pytest.raises(ValueError, match="inventory-service can't serve process_payment"):
        ActivityHost(INVENTORY_SERVICE).serve(PROCESS_PAYMENT, process_payment)


def test_a_contract_served_twice_is_turned_away() -> None:
    """Two handlers behind one name would be one that is never called."""
    host = ActivityHost(INVENTORY_SERVICE)

    async def release_stock(_: Call[UndoStep]) -> StockReleased:
        raise NotImplementedError

    host.serve(RELEASE_STOCK, release_stock)
    with pytest.raises(ValueError, match="serves it already"):
        host.serve(RELEASE_STOCK, release_stock)


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
    """Everything that is no refusal is retried, and the timeline says what it was."""

    def fail(_: Call[UndoStep]) -> StockReleased:
        raise ConnectionError("the database is away")

    with pytest.raises(ConnectionError, match="the database is away"):
        await execute(CALL, fail)


async def test_without_an_injector_a_fault_plan_is_ignored() -> None:
    """Production takes no faults, whatever a message says."""
    envelope = {**CALL, "faults": [{"activity": "release_stock", "mode": "refuse"}]}

    reply = await execute(envelope, lambda _: StockReleased(released_units=3))

    assert reply["response"] == {"released_units": 3, "by_hand": None}
