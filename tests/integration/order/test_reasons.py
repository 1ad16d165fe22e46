"""What an order's row keeps for its customer and what for operators, and who is shown which."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from order_service.api.sse import OrderEvents, order_view
from order_service.repair.api import repair_routes
from order_service.repair.service import RepairService
from order_service.repair.store import RepairStore
from shared.contracts.timeline import StepKind, StepOutcome, StepRecord, Timeline
from shared.shop.order import CloseOrder, OrderStatus, ParkOrder
from shared.shop.reasons import Reason
from tests.integration.api import client_of
from tests.integration.order.test_events import values
from tests.integration.order.test_watching import routes, stream_of
from tests.integration.order.world import World
from tests.integration.outbox import data_of

WHY = "process_payment on payment-service was refused: GatewayOutageError <b>ask eve@evil.example</b>"
DECLINED = ("process_payment", StepKind.DO, StepOutcome.REFUSED)
LEFT = ("refund_payment", StepKind.UNDO, StepOutcome.FAILED)


def steps(*records: tuple[str, StepKind, StepOutcome]) -> Timeline:
    """A timeline of steps that ended so."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        StepRecord(name=name, app_id="x", kind=kind, outcome=outcome, attempts=1, started_at=at, error=WHY)
        for name, kind, outcome in records
    )
    return Timeline(version=9, steps=tuple(made))


async def shown(world: World, order_id: str) -> tuple[str, str | None, str | None]:
    """The status, reason and error in the order's document."""
    row = await world.orders.by_id(order_id)
    assert row is not None
    view = order_view(row)
    return view.status, view.reason, view.error


async def closed(world: World, order_id: str, *records: tuple[str, StepKind, StepOutcome]) -> Any:  # noqa: ANN401 - a tuple
    run_id = (await row_of(world, order_id)).run_id
    end = CloseOrder(timeline=steps(*records), status=OrderStatus.COMPENSATED, reason=WHY, run_id=run_id)
    await world.orders.close(order_id, end)
    return await shown(world, order_id)


async def row_of(world: World, order_id: str) -> Any:  # noqa: ANN401 - a Row
    return await world.orders.by_id(order_id)


async def change(world: World, order_id: str, assignments: str) -> None:
    """Change the order's row by hand."""
    async with world.database.begin() as tx:
        await tx.execute(text(f"UPDATE orders SET {assignments} WHERE order_id = :order_id"), {"order_id": order_id})


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((DECLINED,), Reason.CARD_DECLINED),
        ((("reserve_stock", StepKind.DO, StepOutcome.REFUSED),), Reason.OUT_OF_STOCK),
        ((("process_payment", StepKind.DO, StepOutcome.UNKNOWN), LEFT), Reason.NOT_GIVEN_BACK),
        ((), Reason.TOOK_TOO_LONG),
    ],
)
async def test_the_row_keeps_a_sentence_and_the_whole_story(world: World, records: Any, reason: Reason) -> None:  # noqa: ANN401
    order_id = await world.in_progress()

    assert await closed(world, order_id, *records) == ("compensated", reason, WHY)
    assert (await row_of(world, order_id)).reason == reason


@pytest.mark.parametrize(
    ("outcome", "late_seconds", "reason"),
    [
        (StepOutcome.UNKNOWN, 0, Reason.TOOK_TOO_LONG),
        (StepOutcome.UNKNOWN, -1, Reason.PAYMENT_FAILED),
        (StepOutcome.REFUSED, 0, Reason.CARD_DECLINED),
    ],
)
async def test_a_step_that_the_deadline_cut_short_took_too_long(
    world: World, outcome: StepOutcome, late_seconds: float, reason: Reason
) -> None:
    """One that failed before was no matter of time, however long the undoing takes."""
    order_id = await world.in_progress()
    deadline = (await row_of(world, order_id)).deadline_at
    (step,) = steps(("process_payment", StepKind.DO, outcome)).steps
    ended = step.model_copy(update={"ended_at": deadline + timedelta(seconds=late_seconds)})
    timeline = Timeline(version=9, steps=(ended,))
    end = CloseOrder(timeline=timeline, status=OrderStatus.COMPENSATED, reason=WHY, run_id="run-1")

    await world.orders.close(order_id, end)

    assert await shown(world, order_id) == ("compensated", reason, WHY)


async def test_who_cancels_reads_that(world: World) -> None:
    """Also if the card was declined meanwhile: the cancel came in time, and decides."""
    order_id = await world.in_progress()
    assert await world.orders.request_cancel(order_id)

    assert await closed(world, order_id, DECLINED) == ("cancelled", Reason.CANCELLED, WHY)


async def test_an_order_whose_workflow_was_lost_was_not_late(world: World) -> None:
    order_id = await world.in_progress()
    assert await world.taken_over(order_id)

    assert await closed(world, order_id) == ("compensated", Reason.OUR_FAULT, WHY)


@pytest.mark.parametrize(
    ("state", "by", "reason"),
    [("rejected", "'ann'", Reason.NOT_APPROVED), ("expired", "NULL", Reason.NOT_APPROVED_IN_TIME)],
)
async def test_an_order_that_nobody_approved_does_not_say_who_rejected_it(
    world: World, state: str, by: str, reason: Reason
) -> None:
    order_id = await world.in_progress()
    held = """approval_since = now(), held = '{"why": "risky", "threshold": 0.5}', approval_state = 'waiting'"""
    await change(world, order_id, held)
    await change(world, order_id, f"approval_by = {by}, approval_state = '{state}'")

    assert await closed(world, order_id) == ("compensated", reason, WHY)


async def test_the_event_of_an_end_carries_the_sentence(world: World) -> None:
    """The mail is made of it; what is parked first says that a person looks after it."""
    order_id = "order-1"
    assert await world.orders.accept(values(order_id))
    assert (await world.orders.claim(order_id, "run-1")).claimed
    park = ParkOrder(timeline=Timeline(version=8), reason=WHY, money_at_risk_cents=100, run_id="run-1")

    await world.orders.park(order_id, park)
    assert await shown(world, order_id) == ("needs_attention", Reason.NEEDS_A_PERSON, WHY)
    await closed(world, order_id, DECLINED)

    events = [event for event in await data_of(world.database, order_id) if event["status"] != "accepted"]
    assert [Reason.NEEDS_A_PERSON, Reason.CARD_DECLINED] == [event["reason"] for event in events]
    assert WHY not in json.dumps(events)


async def test_who_watches_an_order_is_sent_no_error(world: World) -> None:
    order_id = await world.in_progress()
    await closed(world, order_id)

    async with client_of(routes(world.orders, OrderEvents(world.orders))) as client:
        story = await stream_of(client, order_id)

    assert Reason.TOOK_TOO_LONG in story
    assert WHY not in story


async def test_a_row_of_an_earlier_version_shows_its_story_to_operators_only(world: World) -> None:
    """It has the whole story as its reason, and no error: in the document, and in the list of what needs attention."""
    order_id = await world.in_progress()
    park = ParkOrder(timeline=Timeline(version=8), reason=WHY, money_at_risk_cents=100, run_id="run-1")
    await world.orders.park(order_id, park)
    await change(world, order_id, "reason = error, error = NULL")

    assert await shown(world, order_id) == ("needs_attention", Reason.NEEDS_A_PERSON, WHY)
    nobody: Any = None
    repairs = RepairStore(world.database)
    async with client_of(repair_routes(repairs, RepairService(world.orders, repairs, nobody))) as client:
        (waiting,) = (await (await client.get("/attention")).json())["items"]
    assert (Reason.NEEDS_A_PERSON, WHY) == (waiting["reason"], waiting["error"])
