"""No decision is lost on its way to the saga, and all are on the record."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared.contracts.repair import AppliedRepair, RepairOutcome
from shared.shop.order import CloseOrder, OrderStatus
from tests.integration.order.repairs.world import PAYMENT, RETRY, SETTLE, RepairWorld, raised
from tests.integration.order.world import TIMELINE


async def test_a_decision_whose_process_died_is_sent_by_the_next_one(api: RepairWorld) -> None:
    """The row is all that is left of it; each process that asks gets other rows."""
    order_id = await api.parked()
    api.engine.away_calls = 1
    _, answer = await api.decide(order_id, RETRY)
    assert [] == await api.repairs.lease_unsent(10)
    await api.due_now()

    leases = await asyncio.gather(*(api.repairs.lease_unsent(10) for _ in range(5)))

    (due,) = [one for lease in leases for one in lease]
    assert (order_id, answer["repair_id"]) == (due.instance_id, due.decision.repair_id)


async def test_a_decision_that_was_sent_but_never_applied_is_sent_again(api: RepairWorld) -> None:
    """The engine may have lost it; the saga carries each id out once."""
    order_id = await api.parked()
    await api.decide(order_id, RETRY)
    await raised(api)
    await api.due_now()

    assert 1 == len(await api.repairs.lease_unsent(10))


async def test_a_decision_that_cannot_be_read_keeps_no_other_waiting(api: RepairWorld) -> None:
    """A later version of the service may have stored it, and been taken back."""
    _, unknown = await api.decide(await api.parked(), RETRY, "key-1")
    _, known = await api.decide(await api.parked(), RETRY, "key-2")
    async with api.world.database.begin() as tx:
        await tx.execute(text("ALTER TABLE repairs DISABLE TRIGGER USER, DROP CONSTRAINT decision_is_known"))
        ponder = text("UPDATE repairs SET decision = 'ponder', note = 'why' WHERE repair_id = :repair_id")
        await tx.execute(ponder, {"repair_id": unknown["repair_id"]})
    await api.due_now()

    assert [known["repair_id"]] == [due.decision.repair_id for due in await api.repairs.lease_unsent(10)]


async def test_a_recovery_receives_every_decision_that_is_not_applied(api: RepairWorld) -> None:
    """The run that was sent it is lost: it goes to the instance that owns the order now, at once."""
    order_id = await api.parked()
    _, sent = await api.decide(order_id, RETRY)
    await raised(api)
    assert await api.world.taken_over(order_id)

    (due,) = await api.repairs.lease_unsent(10)

    assert (f"{order_id}-recovery-1", sent["repair_id"]) == (due.instance_id, due.decision.repair_id)


async def test_what_a_lost_run_learned_of_a_decision_counts(api: RepairWorld) -> None:
    """It may not change the order any more; but what the participant has answered is true."""
    order_id = await api.parked()
    _, answer = await api.decide(order_id, SETTLE)
    assert await api.world.taken_over(order_id)
    learned = AppliedRepair(repair_id=answer["repair_id"], outcome=RepairOutcome.SETTLED, detail="by ann")
    end = CloseOrder(
        timeline=TIMELINE, status=OrderStatus.COMPENSATED, reason="why", repairs=(learned,), run_id="run-1"
    )

    recorded = await api.world.orders.close(order_id, end)

    assert not recorded.owned
    assert "needs_attention" == await api.world.status(order_id)
    assert ["settled"] == [one["outcome"] for one in await api.trail(order_id)]


async def test_decisions_and_ends_that_race_do_not_block_each_other(api: RepairWorld) -> None:
    """Both take the order's row first; each decision is applied or turned away, and none stays open."""
    for number in range(20):
        order_id = await api.parked()
        _, first = await api.decide(order_id, RETRY, f"first-{number}")
        applied = AppliedRepair(repair_id=first["repair_id"], outcome=RepairOutcome.UNDONE, detail="refunded")

        (status, _), _ = await asyncio.gather(
            api.decide(order_id, SETTLE, f"second-{number}"), api.close(order_id, applied)
        )

        assert 409 == status
        assert ["undone"] == [one["outcome"] for one in await api.trail(order_id)]


@pytest.mark.parametrize("decides_first", [True, False])
async def test_a_decision_and_the_end_take_the_row_in_turn(api: RepairWorld, *, decides_first: bool) -> None:
    """Whoever comes first: the second decision is turned away, and the first one is applied."""
    order_id = await api.parked()
    _, first = await api.decide(order_id, RETRY, "first")
    applied = AppliedRepair(repair_id=first["repair_id"], outcome=RepairOutcome.UNDONE, detail="refunded")

    def decide() -> Awaitable[tuple[int, Any]]:
        return api.decide(order_id, SETTLE, "second")

    def close() -> Awaitable[object]:
        return api.close(order_id, applied)

    rivals = (decide, close) if decides_first else (close, decide)
    answers = await api.world.in_turn(order_id, *rivals)

    assert 409 == answers[rivals.index(decide)][0]
    assert ["undone"] == [one["outcome"] for one in await api.trail(order_id)]


async def test_an_order_that_ends_leaves_no_decision_open(api: RepairWorld) -> None:
    """Nobody will read its event: the record says that it wasn't needed, and nothing is sent any more."""
    order_id = await api.parked()
    await api.decide(order_id, RETRY)
    await api.close(order_id)

    assert ["not_needed"] == [one["outcome"] for one in await api.trail(order_id)]
    assert [] == await api.repairs.lease_unsent(10)


async def test_what_came_of_a_decision_is_recorded_once(api: RepairWorld) -> None:
    """The record of the order may be repeated: the first word counts."""
    order_id = await api.parked()
    _, answer = await api.decide(order_id, RETRY)
    first = AppliedRepair(repair_id=answer["repair_id"], outcome=RepairOutcome.STILL_STUCK, detail="first")
    for repair in (first, first.model_copy(update={"detail": "second"})):
        await api.park(order_id, PAYMENT, repairs=(repair,))

    assert ["first"] == [one["detail"] for one in await api.trail(order_id)]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM repairs", "TRUNCATE repairs", "UPDATE repairs SET note = 'x'", "UPDATE repairs SET decided_by = 'x'"],
)
async def test_the_audit_trail_cannot_be_changed(api: RepairWorld, statement: str) -> None:
    """Not even by a mistake of this service: the database refuses."""
    order_id = await api.parked()
    await api.decide(order_id, SETTLE)

    with pytest.raises(IntegrityError, match="kept as it was decided"):
        async with api.world.database.begin() as tx:
            await tx.execute(text(statement))
