"""The repair desk over a real Postgres: one decision per key, one at a time per step, none lost, all on the record."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from order_service.api.repairs import repair_routes
from order_service.approvals import ApprovalStore
from order_service.desk import RepairDesk
from order_service.repairs import RepairStore
from order_service.starter import Starter
from shared.messages.order import CloseOrder, OrderStatus, ParkOrder
from shared.messages.repair import AppliedRepair, RepairDecision, RepairOutcome, StuckStep
from tests.integration.api import Client, client_of
from tests.integration.order.world import TIMELINE, Desk, count_waiting, metric
from tests.unit.order.fakes import FakeEngine

PAYMENT = StuckStep(
    step="process_payment", activity="refund_payment", app_id="payment-service", attempts=3, error="the bank is away"
)
STOCK = StuckStep(
    step="reserve_stock", activity="release_stock", app_id="inventory-service", attempts=1, error="refused"
)
SETTLE = {"step": "process_payment", "decision": "settle", "by": "ann", "note": "cash"}
RETRY = {"step": "process_payment", "decision": "retry", "by": "ann"}


class Office:
    """The desk's HTTP surface, its rows, and an engine that is away as often as a test says."""

    def __init__(self, desk: Desk, client: Client, engine: FakeEngine, starter: Starter) -> None:
        self.desk = desk
        self.client = client
        self.engine = engine
        self.starter = starter
        self.repairs = RepairStore(desk.engine)

    async def parked(self, *stuck: StuckStep, repairs: tuple[AppliedRepair, ...] = ()) -> str:
        """An order that needs attention."""
        order_id = await self.desk.in_progress()
        await self.park(order_id, *(stuck or (PAYMENT,)), repairs=repairs)
        return order_id

    async def park(self, order_id: str, *stuck: StuckStep, repairs: tuple[AppliedRepair, ...] = ()) -> None:
        park = ParkOrder(timeline=TIMELINE, reason="why", money_at_risk_cents=100, stuck=stuck, repairs=repairs)
        await self.desk.orders.park(order_id, park)

    async def close(self, order_id: str, *repairs: AppliedRepair) -> None:
        end = CloseOrder(timeline=TIMELINE, status=OrderStatus.COMPENSATED, reason="why", repairs=repairs)
        await self.desk.orders.close(order_id, end)

    async def decide(self, order_id: str, body: object, key: str | None = "key-1") -> tuple[int, Any]:
        headers = {} if key is None else {"Idempotency-Key": key}
        response = await self.client.post(f"/orders/{order_id}/repairs", json=body, headers=headers)
        return response.status, await response.json()

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        response = await self.client.get(path)
        return await response.json()

    async def trail(self, order_id: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.get(f"/orders/{order_id}/repairs"))["items"]
        return items

    async def due_now(self) -> None:
        """Let the lease of every decision run out."""
        async with self.desk.engine.begin() as tx:
            await tx.execute(text("UPDATE repairs SET due_at = now() WHERE applied_at IS NULL"))


@pytest.fixture
async def office(desk: Desk) -> AsyncIterator[Office]:
    repairs, engine = RepairStore(desk.engine), FakeEngine()
    starter = Starter(desk.orders, ApprovalStore(desk.engine), repairs, engine)
    async with client_of(repair_routes(repairs, RepairDesk(desk.orders, repairs, starter))) as client:
        yield Office(desk, client, engine, starter)
    await starter.close()


async def test_what_waits_is_listed_oldest_first_page_by_page(office: Office) -> None:
    """With reason, age, money at risk and what is stuck; who was decided about is listed no more."""
    order_ids = [await office.parked(PAYMENT, STOCK) for _ in range(3)]
    await office.close(order_ids[1])

    first = await office.get("/attention?limit=1")
    second = await office.get(f"/attention?limit=1&cursor={first['next_cursor']}")

    assert [order_ids[0], order_ids[2]] == [page["items"][0]["order_id"] for page in (first, second)]
    assert second["next_cursor"] is None
    (item,) = first["items"]
    assert ("why", 100, "EUR") == (item["reason"], item["money_at_risk_cents"], item["currency"])
    assert item["age_seconds"] >= 0
    assert item["since"].endswith("Z")
    assert [PAYMENT.model_dump(), STOCK.model_dump()] == item["stuck"]


async def test_the_age_counts_from_the_first_time(office: Office) -> None:
    """A decision that failed doesn't make the order look new."""
    order_id = await office.parked()
    since = (await office.get("/attention"))["items"][0]["since"]
    await office.park(order_id, PAYMENT)

    assert since == (await office.get("/attention"))["items"][0]["since"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=nonsense"])
async def test_a_wrong_query_is_turned_away(office: Office, query: str) -> None:
    assert 422 == (await office.client.get(f"/attention?{query}")).status


async def test_a_decision_is_stored_sent_and_on_the_record(office: Office) -> None:
    order_id = await office.parked()

    status, answer = await office.decide(order_id, SETTLE)

    assert (202, order_id, "requested") == (status, answer["order_id"], answer["status"])
    (decision,) = await _raised(office)
    assert decision.model_dump(mode="json") == {**SETTLE, "repair_id": answer["repair_id"]}
    await office.close(
        order_id, AppliedRepair(repair_id=answer["repair_id"], outcome=RepairOutcome.SETTLED, detail="by ann")
    )
    (repair,) = await office.trail(order_id)
    assert ("applied", "settled", "by ann") == (repair["status"], repair["outcome"], repair["detail"])
    assert ("process_payment", "settle", "ann", "cash") == tuple(
        repair[name] for name in ("step", "decision", "by", "note")
    )
    assert repair["requested_at"] <= repair["sent_at"] <= repair["applied_at"]


async def test_the_compensation_names_the_step_as_well(office: Office) -> None:
    order_id = await office.parked()

    await office.decide(order_id, {**SETTLE, "step": "refund_payment"})

    assert ["process_payment"] == [one["step"] for one in await office.trail(order_id)]


async def test_the_same_key_and_body_get_the_same_answer_for_good(office: Office) -> None:
    """Also side by side, and after the order has ended; another body, or another order, is a conflict."""
    order_id, other = await office.parked(), await office.parked()

    answers = await asyncio.gather(*(office.decide(order_id, SETTLE) for _ in range(10)))
    await office.close(order_id)
    answers.append(await office.decide(order_id, SETTLE))

    assert {202} == {status for status, _ in answers}
    assert 1 == len({answer["repair_id"] for _, answer in answers})
    assert 1 == len(await office.trail(order_id))
    for changed in ((order_id, {**SETTLE, "note": "cheque"}), (other, SETTLE)):
        status, problem = await office.decide(*changed)
        assert 409 == status
        assert "used for another decision" in problem["detail"]


async def test_a_decision_carried_out_while_its_twin_was_on_the_way(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both had looked for the key and not found it; the order has ended by the time the second one is stored."""
    order_id = await office.parked()
    first = await office.decide(order_id, SETTLE)
    await office.close(order_id)
    look, looks = RepairStore.by_key, iter([None])

    async def too_early(repairs: RepairStore, key: str) -> object:
        return next(looks, await look(repairs, key))

    monkeypatch.setattr(RepairStore, "by_key", too_early)

    assert first == await office.decide(order_id, SETTLE)


async def test_a_step_has_one_decision_at_a_time(office: Office) -> None:
    """Two persons with two keys: one is told to wait for the other; another step can be decided meanwhile."""
    order_id = await office.parked(PAYMENT, STOCK)

    answers = await asyncio.gather(*(office.decide(order_id, RETRY, key) for key in ("ann", "bob")))
    other_step, _ = await office.decide(order_id, {**RETRY, "step": "reserve_stock"}, "eve")

    assert [202, 409] == sorted(status for status, _ in answers)
    assert 202 == other_step
    (problem,) = [answer for status, answer in answers if status == 409]
    (accepted,) = [answer for status, answer in answers if status == 202]
    assert accepted["repair_id"] in problem["detail"]


async def test_after_a_decision_that_failed_there_is_another_one(office: Office) -> None:
    order_id = await office.parked()
    _, first = await office.decide(order_id, RETRY, "key-1")
    applied = AppliedRepair(repair_id=first["repair_id"], outcome=RepairOutcome.STILL_STUCK, detail="refused again")
    await office.park(order_id, PAYMENT, repairs=(applied,))

    assert 202 == (await office.decide(order_id, SETTLE, "key-2"))[0]
    assert ["still_stuck", None] == [one["outcome"] for one in await office.trail(order_id)]


async def test_an_order_that_needs_no_decision_says_why(office: Office) -> None:
    running = await office.desk.in_progress()
    ended = await office.parked()
    await office.close(ended)
    parked = await office.parked(STOCK)

    problems = {
        order_id: (await office.decide(order_id, SETTLE, order_id))[1]["detail"]
        for order_id in (running, ended, parked)
    }

    assert "it is in_progress" in problems[running]
    assert "it is compensated" in problems[ended]
    assert "process_payment" in problems[parked]
    assert "what does is reserve_stock" in problems[parked]
    assert [] == await office.trail(parked)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({**SETTLE, "note": " "}, "settle needs a note"),
        ({**RETRY, "decision": "skip"}, "skip needs a note"),
        ({**RETRY, "decision": "forget"}, "decision"),
        ({**RETRY, "by": ""}, "by"),
        ({**RETRY, "note": "two\nlines"}, "printable"),
        ({**RETRY, "force": True}, "force"),
        ({**RETRY, "step": "make_coffee"}, "no step is named 'make_coffee'"),
    ],
)
async def test_bad_input_is_told_and_changes_nothing(office: Office, body: object, sentence: str) -> None:
    order_id = await office.parked()

    status, problem = await office.decide(order_id, body)

    assert 422 == status
    assert sentence in problem["detail"]
    assert [] == await office.trail(order_id)


async def test_unknown_orders_and_missing_keys(office: Office) -> None:
    order_id = await office.parked()

    assert 404 == (await office.decide("ord-nobody", RETRY))[0]
    assert 404 == (await office.client.get("/orders/ord-nobody/repairs")).status
    assert 400 == (await office.decide(order_id, RETRY, key=None))[0]
    assert [] == await office.trail(order_id)


async def test_a_decision_whose_process_died_is_sent_by_the_next_one(office: Office) -> None:
    """The row is all that is left of it; each process that asks gets other rows."""
    order_id = await office.parked()
    office.engine.away_calls = 1
    _, answer = await office.decide(order_id, RETRY)
    assert [] == await office.repairs.lease_unsent(10)
    await office.due_now()

    leases = await asyncio.gather(*(office.repairs.lease_unsent(10) for _ in range(5)))

    (due,) = [one for lease in leases for one in lease]
    assert (order_id, answer["repair_id"]) == (due.instance_id, due.decision.repair_id)


async def test_a_decision_that_was_sent_but_never_applied_is_sent_again(office: Office) -> None:
    """The engine may have lost it; the saga carries each id out once."""
    order_id = await office.parked()
    await office.decide(order_id, RETRY)
    await _raised(office)
    await office.due_now()

    assert 1 == len(await office.repairs.lease_unsent(10))


async def test_a_decision_that_cannot_be_read_keeps_no_other_waiting(office: Office) -> None:
    """A later version of the service may have stored it, and been taken back."""
    _, unknown = await office.decide(await office.parked(), RETRY, "key-1")
    _, known = await office.decide(await office.parked(), RETRY, "key-2")
    async with office.desk.engine.begin() as tx:
        await tx.execute(text("ALTER TABLE repairs DISABLE TRIGGER USER, DROP CONSTRAINT decision_is_known"))
        ponder = text("UPDATE repairs SET decision = 'ponder', note = 'why' WHERE repair_id = :repair_id")
        await tx.execute(ponder, {"repair_id": unknown["repair_id"]})
    await office.due_now()

    assert [known["repair_id"]] == [due.decision.repair_id for due in await office.repairs.lease_unsent(10)]


async def test_a_recovery_is_told_of_every_decision_that_is_not_applied(office: Office) -> None:
    """The run that was told of it is lost: it goes to the instance that owns the order now, at once."""
    order_id = await office.parked()
    _, sent = await office.decide(order_id, RETRY)
    await _raised(office)
    assert await office.desk.taken_over(order_id)

    (due,) = await office.repairs.lease_unsent(10)

    assert (f"{order_id}-recovery-1", sent["repair_id"]) == (due.instance_id, due.decision.repair_id)


async def test_what_a_lost_run_learned_of_a_decision_counts(office: Office) -> None:
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


async def test_decisions_and_ends_that_race_do_not_block_each_other(office: Office) -> None:
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


async def test_an_order_that_ends_leaves_no_decision_open(office: Office) -> None:
    """Nobody will read its event: the record says that it wasn't needed, and nothing is sent any more."""
    order_id = await office.parked()
    await office.decide(order_id, RETRY)
    await office.close(order_id)

    assert ["not_needed"] == [one["outcome"] for one in await office.trail(order_id)]
    assert [] == await office.repairs.lease_unsent(10)


async def test_what_came_of_a_decision_is_recorded_once(office: Office) -> None:
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
async def test_the_audit_trail_cannot_be_changed(office: Office, statement: str) -> None:
    """Not even by a mistake of this service: the database refuses."""
    order_id = await office.parked()
    await office.decide(order_id, SETTLE)

    with pytest.raises(IntegrityError, match="kept as it was decided"):
        async with office.desk.engine.begin() as tx:
            await tx.execute(text(statement))


async def test_the_metrics_tell_of_orders_that_wait(office: Office) -> None:
    """Number and age of the oldest, so that nobody has to look to be alarmed."""
    order_ids = [await office.parked(), await office.parked()]
    since = text("UPDATE orders SET attention_since = now() - interval '1 hour' WHERE order_id = :id")
    async with office.desk.engine.begin() as tx:
        await tx.execute(since, {"id": order_ids[1]})

    await count_waiting(office.desk.engine, "shop_orders_needing_attention", 2)
    assert 3600 <= metric("shop_orders_needing_attention_oldest_seconds") < 3700

    for order_id in order_ids:
        await office.close(order_id)
    await count_waiting(office.desk.engine, "shop_orders_needing_attention", 0)
    assert 0 == metric("shop_orders_needing_attention_oldest_seconds")


async def _raised(office: Office) -> list[RepairDecision]:
    """The decisions that the engine was told, once the desk knows that it was."""
    async with asyncio.timeout(10):
        while await _unsent(office):  # noqa: ASYNC110 - the starter works in the background
            await asyncio.sleep(0.01)
    return [payload for payload in office.engine.payloads if isinstance(payload, RepairDecision)]


async def _unsent(office: Office) -> int:
    async with office.desk.engine.connect() as connection:
        count: int = (
            await connection.execute(text("SELECT count(*) FROM repairs WHERE sent_at IS NULL AND applied_at IS NULL"))
        ).scalar_one()
        return count
