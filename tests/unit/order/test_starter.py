"""Starting workflows: every accepted order gets its workflow, however often the engine is away."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

import order_service.starter as module
from order_service.repair.store import Due
from order_service.starter import Starter
from shared.contracts.message import Message
from shared.contracts.repair import Decision, RepairDecision
from shared.shop.order import PlacedOrder
from shared.workflows.background import CONCURRENT_CALLS
from tests.order_saga.orders import an_order
from tests.unit.order.fakes import FakeApprovals, FakeEngine, FakeOrders, FakeRepairs
from tests.waiting import eventually

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _sweeps_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0)


def a_starter(
    orders: FakeOrders,
    engine: FakeEngine,
    repairs: FakeRepairs | None = None,
    approvals: FakeApprovals | None = None,
) -> Starter:
    return Starter(
        orders,
        approvals or FakeApprovals(),
        repairs or FakeRepairs(),
        engine,
    )


@asynccontextmanager
async def sweeping(
    orders: FakeOrders,
    engine: FakeEngine,
    repairs: FakeRepairs | None = None,
    approvals: FakeApprovals | None = None,
) -> AsyncIterator[Starter]:
    starter = a_starter(orders, engine, repairs, approvals)
    sweep = asyncio.create_task(starter.run())
    try:
        yield starter
    finally:
        sweep.cancel()
        with suppress(asyncio.CancelledError):
            await sweep
        await starter.close()


def named(order_id: str) -> PlacedOrder:
    return an_order().model_copy(update={"order_id": order_id})


def a_decision(repair_id: str) -> RepairDecision:
    return RepairDecision(step="reserve_stock", decision=Decision.RETRY, by="ann", note="", repair_id=repair_id)


async def test_an_accepted_order_is_started_without_a_sweep() -> None:
    """A customer doesn't wait for the next sweep."""
    engine = FakeEngine()
    starter = a_starter(FakeOrders(), engine)

    starter.start(an_order())
    await eventually(lambda: len(engine.started) == 1)
    await starter.close()

    assert engine.started[0].order_id == "ord-1"


async def test_an_engine_that_is_away_is_tried_again() -> None:
    """The order was accepted, so that its workflow starts when the engine is back."""
    orders, engine = FakeOrders(unstarted=[an_order()]), FakeEngine(away_calls=3)

    async with sweeping(orders, engine):
        await eventually(lambda: len(engine.started) >= 1)

    assert engine.calls >= 4


async def test_each_attempt_to_start_is_a_run_of_its_own() -> None:
    """Dapr replaces a finished instance silently: only by its run id can the order tell the second run."""
    orders, engine = FakeOrders(unstarted=[an_order(run_id="")]), FakeEngine()

    async with sweeping(orders, engine):
        await eventually(lambda: len(engine.started) >= 3)

    runs = [order.run_id for order in engine.started]
    assert "" not in runs
    assert len(set(runs)) == len(runs)


async def test_a_sweep_that_fails_is_not_the_last() -> None:
    """A database that is away for a moment ends no background work."""
    failures: list[Exception] = [OSError("connection refused"), TimeoutError("no connection")]
    orders, engine = FakeOrders(unstarted=[an_order()], failures=failures), FakeEngine()

    async with sweeping(orders, engine):
        await eventually(lambda: len(engine.started) >= 1)

    assert failures == []


async def test_an_order_that_cannot_be_read_keeps_nothing_else_waiting() -> None:
    """Its row says why, in each sweep anew; the orders and cancels after it go their way."""
    orders = FakeOrders(unreadable=["ord-0"], unstarted=[an_order()], cancels=["ord-2"])
    engine = FakeEngine()

    async with sweeping(orders, engine):
        await eventually(lambda: len(engine.started) >= 2 and orders.cancels == [])

    assert {order.order_id for order in engine.started} == {"ord-1"}
    assert orders.start_errors.keys() == {"ord-0"}
    assert "row can't be read: order_id: Field required" in orders.start_errors["ord-0"]


async def test_a_cancel_is_sent_and_noted() -> None:
    """Once the workflow knows, no sweep sends it again."""
    orders, engine = FakeOrders(cancels=["ord-1"]), FakeEngine()

    async with sweeping(orders, engine):
        await eventually(lambda: orders.cancels == [])

    assert set(engine.raised) == {("ord-1", "cancel")}
    assert "ord-1" in orders.sent


async def test_a_cancel_that_was_not_sent_is_not_noted() -> None:
    """The engine was away: the next sweep sends it."""
    orders, engine = FakeOrders(cancels=["ord-1"]), FakeEngine(away_calls=1)

    async with sweeping(orders, engine):
        await eventually(lambda: orders.sent != [])

    assert ("ord-1", "cancel") in engine.raised


async def test_a_decision_is_sent_until_the_engine_has_it() -> None:
    """It is stored before it is sent: the engine may be away, and the process may have died between."""
    decision = a_decision("rep-1")
    repairs, engine = FakeRepairs(due=[Due("ord-1", decision)]), FakeEngine(away_calls=2)

    async with sweeping(FakeOrders(), engine, repairs):
        await eventually(lambda: repairs.due == [])

    assert set(engine.raised) == {("ord-1", "repair")}
    assert set(engine.payloads) == {decision}
    assert "rep-1" in repairs.marked


async def test_an_approval_is_signalled_until_the_engine_has_it() -> None:
    """It stands in the order's row; the event only says that there is something to read."""
    approvals, engine = FakeApprovals(due=["ord-1"]), FakeEngine(away_calls=2)

    async with sweeping(FakeOrders(), engine, approvals=approvals):
        await eventually(lambda: approvals.due == [])

    assert set(engine.raised) == {("ord-1", "approval")}
    assert "ord-1" in approvals.confirmed


class SlowEngine(FakeEngine):
    """Answers nobody, and counts who is asking."""

    async def schedule(self, workflow: str, instance_id: str, message: Message) -> None:
        del workflow, instance_id, message
        self.calls += 1
        await asyncio.Event().wait()


async def test_calls_to_the_engine_are_bounded() -> None:
    """A thousand accepted orders are no thousand open calls, and closing drops them all."""
    engine = SlowEngine()
    starter = a_starter(FakeOrders(), engine)
    for number in range(1000):
        starter.start(named(f"ord-{number}"))

    await eventually(lambda: engine.calls == CONCURRENT_CALLS)
    for _ in range(10):
        await asyncio.sleep(0)
    assert engine.calls == CONCURRENT_CALLS

    async with asyncio.timeout(5):
        await starter.close()


class FrozenEngine(FakeEngine):
    """Starts orders, and keeps whoever signals a workflow waiting."""

    async def raise_event(self, order_id: str, event: str, payload: Message | None = None) -> None:
        await super().raise_event(order_id, event, payload)
        await asyncio.Event().wait()


async def test_a_cancel_is_under_way_once_however_often_the_sweep_finds_it() -> None:
    """The call outlasts its lease: what is sent again meanwhile would take the slots of the others."""
    orders, engine = FakeOrders(cancels=["ord-1", "ord-2"]), FrozenEngine()

    async with sweeping(orders, engine) as starter:
        await eventually(lambda: orders.sweeps >= 5 * CONCURRENT_CALLS)
        starter.cancel("ord-1")
        starter.cancel("ord-3")
        await eventually(lambda: ("ord-3", "cancel") in engine.raised)

    assert engine.raised == [("ord-1", "cancel"), ("ord-2", "cancel"), ("ord-3", "cancel")]


async def test_no_number_of_frozen_workflows_keeps_an_order_from_its_start() -> None:
    """Every cancel, approval and repair waits for a workflow that doesn't answer; new orders, and each other, don't."""
    many = [f"ord-{number}" for number in range(2 * CONCURRENT_CALLS)]
    orders, approvals = FakeOrders(cancels=many), FakeApprovals(due=many)
    repairs = FakeRepairs(due=[Due(one, a_decision(f"rep-{one}")) for one in many])
    engine = FrozenEngine()

    async with sweeping(orders, engine, repairs, approvals) as starter:
        await eventually(lambda: len(engine.raised) == 3 * CONCURRENT_CALLS)
        starter.start(named("ord-new"))
        await eventually(lambda: engine.started != [])

    assert Counter(event for _, event in engine.raised) == dict.fromkeys(
        ("cancel", "approval", "repair"), CONCURRENT_CALLS
    )
    assert [order.order_id for order in engine.started] == ["ord-new"]


async def test_a_call_that_fails_as_nobody_foresaw_is_made_again() -> None:
    """And stands in the log, with its traceback."""
    orders, engine = FakeOrders(cancels=["ord-1"]), BrokenEngine()

    with capture_logs() as logs:
        async with sweeping(orders, engine):
            await eventually(lambda: orders.cancels == [])

    assert [KeyError] == [type(line["exc_info"]) for line in logs]


class BrokenEngine(FakeEngine):
    """Breaks once."""

    async def raise_event(self, order_id: str, event: str, payload: Message | None = None) -> None:
        await super().raise_event(order_id, event, payload)
        if self.calls == 1:
            raise KeyError("what nobody foresaw")
