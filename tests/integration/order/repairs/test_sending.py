"""No decision is lost on its way to the saga, and all are on the record."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared.contracts.repair import AppliedRepair, RepairOutcome
from shared.shop.order import CloseOrder, OrderStatus
from tests.integration.order.repairs.office import PAYMENT, RETRY, SETTLE, RepairOffice, raised
from tests.integration.order.world import TIMELINE


async def test_a_decision_whose_process_died_is_sent_by_the_next_one(office: RepairOffice) -> None:
    """The row is all that is left of it; each process that asks gets other rows."""
    order_id = await office.parked()
    office.engine.away_calls = 1
    _, answer = await office.decide(order_id, RETRY)
    assert [] == await office.repairs.lease_unsent(10)
    await office.due_now()

    leases = await asyncio.gather(*(office.repairs.lease_unsent(10) for _ in range(5)))

    (due,) = [one for lease in leases for one in lease]
    assert (order_id, answer["repair_id"]) == (due.instance_id, due.decision.repair_id)


async def test_a_decision_that_was_sent_but_never_applied_is_sent_again(office: RepairOffice) -> None:
    """The engine may have lost it; the saga carries each id out once."""
    order_id = await office.parked()
    await office.decide(order_id, RETRY)
    await raised(office)
    await office.due_now()

    assert 1 == len(await office.repairs.lease_unsent(10))


async def test_a_decision_that_cannot_be_read_keeps_no_other_waiting(office: RepairOffice) -> None:
    """A later version of the service may have stored it, and been taken back."""
    _, unknown = await office.decide(await office.parked(), RETRY, "key-1")
    _, known = await office.decide(await office.parked(), RETRY, "key-2")
    async with office.desk.engine.begin() as tx:
        await tx.execute(text("ALTER TABLE repairs DISABLE TRIGGER USER, DROP CONSTRAINT decision_is_known"))
        ponder = text("UPDATE repairs SET decision = 'ponder', note = 'why' WHERE repair_id = :repair_id")
        await tx.execute(ponder, {"repair_id": unknown["repair_id"]})
    await office.due_now()

    assert [known["repair_id"]] == [due.decision.repair_id for due in await office.repairs.lease_unsent(10)]


async def test_a_recovery_is_told_of_every_decision_that_is_not_applied(office: RepairOffice) -> None:
    """The run that was told of it is lost: it goes to the instance that owns the order now, at once."""
    order_id = await office.parked()
    _, sent = await office.decide(order_id, RETRY)
    await raised(office)
    assert await office.desk.taken_over(order_id)

    (due,) = await office.repairs.lease_unsent(10)

    assert (f"{order_id}-recovery-1", sent["repair_id"]) == (due.instance_id, due.decision.repair_id)


async def test_what_a_lost_run_learned_of_a_decision_counts(office: RepairOffice) -> None:
    """It may not change the order any more; but what the participant has told it is true."""
    order_id = await office.parked()
    _, answer = await office.decide(order_id, SETTLE)
    assert await office.desk.taken_over(order_id)
    learned = AppliedRepair(repair_id=answer["repair_id"], outcome=RepairOutcome.SETTLED, detail="by ann")
    end = CloseOrder(
        timeline=TIMELINE, status=OrderStatus.COMPENSATED, reason="why", repairs=(learned,), run_id="run-1"
    )

    recorded = await office.desk.orders.close(order_id, end)

    assert not recorded.owned
    assert "needs_attention" == await office.desk.status(order_id)
    assert ["settled"] == [one["outcome"] for one in await office.trail(order_id)]


async def test_decisions_and_ends_that_race_do_not_block_each_other(office: RepairOffice) -> None:
    """Both take the order's row first; each decision is applied or turned away, and none stays open."""
    for number in range(20):
        order_id = await office.parked()
        _, first = await office.decide(order_id, RETRY, f"first-{number}")
        applied = AppliedRepair(repair_id=first["repair_id"], outcome=RepairOutcome.UNDONE, detail="refunded")

        (status, _), _ = await asyncio.gather(
            office.decide(order_id, SETTLE, f"second-{number}"), office.close(order_id, applied)
        )

        assert 409 == status
        assert ["undone"] == [one["outcome"] for one in await office.trail(order_id)]


@pytest.mark.parametrize("decides_first", [True, False])
async def test_a_decision_and_the_end_take_the_row_in_turn(office: RepairOffice, *, decides_first: bool) -> None:
    """Whoever comes first: the second decision is turned away, and the first one is applied."""
    order_id = await office.parked()
    _, first = await office.decide(order_id, RETRY, "first")
    applied = AppliedRepair(repair_id=first["repair_id"], outcome=RepairOutcome.UNDONE, detail="refunded")

    def decide() -> Awaitable[tuple[int, Any]]:
        return office.decide(order_id, SETTLE, "second")

    def close() -> Awaitable[object]:
        return office.close(order_id, applied)

    rivals = (decide, close) if decides_first else (close, decide)
    answers = await office.desk.in_turn(order_id, *rivals)

    assert 409 == answers[rivals.index(decide)][0]
    assert ["undone"] == [one["outcome"] for one in await office.trail(order_id)]


async def test_an_order_that_ends_leaves_no_decision_open(office: RepairOffice) -> None:
    """Nobody will read its event: the record says that it wasn't needed, and nothing is sent any more."""
    order_id = await office.parked()
    await office.decide(order_id, RETRY)
    await office.close(order_id)

    assert ["not_needed"] == [one["outcome"] for one in await office.trail(order_id)]
    assert [] == await office.repairs.lease_unsent(10)


async def test_what_came_of_a_decision_is_recorded_once(office: RepairOffice) -> None:
    """The record of the order may be repeated: the first word counts."""
    order_id = await office.parked()
    _, answer = await office.decide(order_id, RETRY)
    first = AppliedRepair(repair_id=answer["repair_id"], outcome=RepairOutcome.STILL_STUCK, detail="first")
    for repair in (first, first.model_copy(update={"detail": "second"})):
        await office.park(order_id, PAYMENT, repairs=(repair,))

    assert ["first"] == [one["detail"] for one in await office.trail(order_id)]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM repairs", "TRUNCATE repairs", "UPDATE repairs SET note = 'x'", "UPDATE repairs SET decided_by = 'x'"],
)
async def test_the_audit_trail_cannot_be_changed(office: RepairOffice, statement: str) -> None:
    """Not even by a mistake of this service: the database refuses."""
    order_id = await office.parked()
    await office.decide(order_id, SETTLE)

    with pytest.raises(IntegrityError, match="kept as it was decided"):
        async with office.desk.engine.begin() as tx:
            await tx.execute(text(statement))
