"""Approvals over a real Postgres: whoever ends the wait does it once, and how it ended is kept for good."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from order_service.api.approvals import approval_routes
from order_service.approval_desk import ApprovalDesk
from order_service.approvals import ApprovalStore
from order_service.repairs import RepairStore
from order_service.starter import Starter
from shared.errors import Refused
from shared.messages.approval import ApprovalStanding, ApprovalState, HoldOrder
from shared.messages.order import OrderStatus
from tests.integration.api import Client, client_of
from tests.integration.order.world import Desk, count_waiting, metric
from tests.unit.order.fakes import FakeEngine

TRIES = 100
APPROVE = {"decision": "approve", "by": "ann"}
REJECT = {"decision": "reject", "by": "bob", "reason": "a stolen card"}


class Office:
    """The desk's HTTP surface, its rows, and an engine that is away as often as a test says."""

    def __init__(self, desk: Desk, client: Client, engine: FakeEngine, starter: Starter) -> None:
        self.desk = desk
        self.client = client
        self.engine = engine
        self.starter = starter
        self.approvals = ApprovalStore(desk.engine)

    async def hold(self, order_id: str, *, seconds: float = 3600, run_id: str = "run-1") -> ApprovalStanding:
        hold = HoldOrder(
            run_id=run_id,
            why="risky",
            threshold=0.5,
            score=0.93,
            model_version="fraud-1",
            approval_seconds=seconds,
        )
        return await self.approvals.hold(order_id, hold)

    async def held(self, *, seconds: float = 3600) -> str:
        """An order that waits for approval."""
        order_id = await self.desk.in_progress()
        assert (await self.hold(order_id, seconds=seconds)).state is ApprovalState.WAITING
        return order_id

    async def conclude(self, order_id: str) -> ApprovalStanding:
        return await self.approvals.conclude(order_id, "run-1")

    async def decide(self, order_id: str, body: object) -> tuple[int, Any]:
        response = await self.client.post(f"/orders/{order_id}/approval", json=body)
        return response.status, await response.json()

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        response = await self.client.get(path)
        return await response.json()

    async def state(self, order_id: str) -> str | None:
        row = await self.desk.orders.by_id(order_id)
        assert row is not None
        state: str | None = row.approval_state
        return state

    async def record(self, order_id: str) -> list[tuple[str, str | None, str | None]]:
        """How the order's wait ended: (outcome, by, reason)."""
        statement = text("SELECT outcome, decided_by, reason FROM approvals WHERE order_id = :order_id")
        async with self.desk.engine.connect() as connection:
            rows = await connection.execute(statement, {"order_id": order_id})
            return [(row.outcome, row.decided_by, row.reason) for row in rows]

    async def execute(self, statement: str, order_id: str) -> None:
        async with self.desk.engine.begin() as tx:
            await tx.execute(text(statement), {"order_id": order_id})

    async def to_nudge(self) -> list[str]:
        """Orders whose workflow is due to be told, now that every lease is over."""
        async with self.desk.engine.begin() as tx:
            await tx.execute(text("UPDATE orders SET approval_nudge_at = now() WHERE approval_nudge_at IS NOT NULL"))
        return await self.approvals.lease_nudges(100)


@pytest.fixture
async def office(desk: Desk) -> AsyncIterator[Office]:
    approvals, engine = ApprovalStore(desk.engine), FakeEngine()
    starter = Starter(desk.orders, approvals, RepairStore(desk.engine), engine)
    async with client_of(approval_routes(approvals, ApprovalDesk(approvals, starter))) as client:
        yield Office(desk, client, engine, starter)
    await starter.close()


async def test_an_order_waits_with_the_approvals_deadline(office: Office) -> None:
    """It counts neither as late nor as stuck while a person thinks; a repeat of the record changes nothing."""
    order_id = await office.desk.in_progress(deadline_seconds=1)

    first = await office.hold(order_id)
    before = await office.desk.orders.by_id(order_id)
    again = await office.hold(order_id, seconds=7)

    assert first == again
    assert before == await office.desk.orders.by_id(order_id)
    assert (first.state, first.deadline_at) == (ApprovalState.WAITING, first.due_at)
    assert 3590 < _seconds_from_now(first.due_at) <= 3600


async def test_an_approved_order_has_a_deadline_of_its_own(office: Office) -> None:
    """From the approval on: time in which it waited isn't counted."""
    order_id = await office.held()

    status, answer = await office.decide(order_id, APPROVE)

    standing = await office.conclude(order_id)
    assert status == 200
    assert (answer["state"], answer["by"], answer["score"]) == ("approved", "ann", 0.93)
    assert (standing.state, standing.by) == (ApprovalState.APPROVED, "ann")
    assert 290 < _seconds_from_now(standing.deadline_at) <= 300
    assert [("approved", "ann", "")] == await office.record(order_id)
    await office.desk.complete(order_id)
    assert await office.desk.status(order_id) == "completed"


async def test_a_rejected_order_says_who_and_why(office: Office) -> None:
    """The saga reads it in the row, and ends the order with it."""
    order_id = await office.held()

    status, _ = await office.decide(order_id, REJECT)

    standing = await office.conclude(order_id)
    assert status == 200
    assert standing.why_not == "bob rejected the order: a stolen card"
    assert [("rejected", "bob", "a stolen card")] == await office.record(order_id)


async def test_the_same_decision_again_gets_the_first_one(office: Office) -> None:
    """Whoever repeats it: a lost answer is no second decision."""
    order_id = await office.held()
    first = await office.decide(order_id, APPROVE)
    again = await office.decide(order_id, {**APPROVE, "by": "carl"})

    assert again == (200, {**first[1], "age_seconds": again[1]["age_seconds"]})
    assert [("approved", "ann", "")] == await office.record(order_id)


@pytest.mark.parametrize(
    ("first", "then", "words"), [(APPROVE, REJECT, "approved by ann"), (REJECT, APPROVE, "rejected by bob")]
)
async def test_a_contrary_decision_comes_too_late(office: Office, first: object, then: object, words: str) -> None:
    """409 with a sentence that says what stands; nothing is changed."""
    order_id = await office.held()
    await office.decide(order_id, first)
    before = await office.record(order_id)

    status, problem = await office.decide(order_id, then)

    assert status == 409
    assert words in problem["detail"]
    assert before == await office.record(order_id)


async def test_what_waits_for_no_approval_can_not_be_decided(office: Office) -> None:
    """404 for an unknown order, 409 for one that needs no approval; and a rejection needs a reason."""
    order_id = await office.desk.in_progress()

    assert (await office.decide("ord-nobody", APPROVE))[0] == 404
    status, problem = await office.decide(order_id, APPROVE)
    assert (status, problem["detail"]) == (409, f"Order {order_id} waits for no approval: it is in_progress.")
    assert (await office.client.get(f"/orders/{order_id}/approval")).status == 404
    assert (await office.client.get("/orders/ord-nobody/approval")).status == 404
    for body in ({"decision": "reject", "by": "bob"}, {"decision": "maybe", "by": "bob"}, {"decision": "approve"}):
        assert (await office.decide(order_id, body))[0] == 422


async def test_nobody_decides_after_the_time_is_over(office: Office) -> None:
    """Also before the saga has read that it is."""
    order_id = await office.held(seconds=0)

    status, problem = await office.decide(order_id, APPROVE)

    assert status == 409
    assert "not approved in time" in problem["detail"]
    assert await office.state(order_id) == "waiting"
    standing = await office.conclude(order_id)
    assert standing.state is ApprovalState.EXPIRED
    assert standing == await office.conclude(order_id)
    assert [("expired", None, None)] == await office.record(order_id)
    assert "not approved in time" in (await office.decide(order_id, REJECT))[1]["detail"]


async def test_an_event_without_decision_changes_nothing(office: Office) -> None:
    """The saga reads that it has to wait on."""
    order_id = await office.held()

    assert (await office.conclude(order_id)).state is ApprovalState.WAITING
    assert [] == await office.record(order_id)


async def test_a_cancel_ends_the_wait(office: Office) -> None:
    """In the cancel's own statement; a decision comes too late."""
    order_id = await office.held()

    assert await office.desk.orders.request_cancel(order_id)
    assert await office.desk.orders.request_cancel(order_id)

    status, problem = await office.decide(order_id, APPROVE)
    assert (status, "cancelled by its customer" in problem["detail"]) == (409, True)
    assert (await office.conclude(order_id)).state is ApprovalState.CANCELLED
    assert [("cancelled", None, None)] == await office.record(order_id)
    assert await office.desk.close(order_id) is OrderStatus.CANCELLED


async def test_a_cancelled_order_is_not_held(office: Office) -> None:
    """Its customer came first: there is nothing to decide."""
    order_id = await office.desk.in_progress()
    assert await office.desk.orders.request_cancel(order_id)

    standing = await office.hold(order_id)

    assert standing.state is ApprovalState.CANCELLED
    assert await office.state(order_id) is None


async def test_an_approved_order_can_be_cancelled(office: Office) -> None:
    """As any other before its pivot."""
    order_id = await office.held()
    await office.decide(order_id, APPROVE)

    assert await office.desk.orders.request_cancel(order_id)

    assert await office.desk.close(order_id) is OrderStatus.CANCELLED
    assert [("approved", "ann", "")] == await office.record(order_id)


async def test_a_take_over_drops_the_wait(office: Office) -> None:
    """The lost run reads that it has nothing more to do, and a person that there is nothing to decide."""
    order_id = await office.held()

    assert await office.desk.taken_over(order_id)

    assert (await office.conclude(order_id)).state is ApprovalState.DROPPED
    assert (await office.hold(order_id)).state is ApprovalState.DROPPED
    status, problem = await office.decide(order_id, APPROVE)
    assert (status, "lost its workflow" in problem["detail"]) == (409, True)
    assert [("dropped", None, None)] == await office.record(order_id)


async def test_an_order_that_is_closed_waits_no_more(office: Office) -> None:
    """Whatever ended it."""
    order_id = await office.held()

    await office.desk.close(order_id)

    assert [("dropped", None, None)] == await office.record(order_id)
    assert [] == (await office.get("/approvals"))["items"]
    assert order_id not in await office.to_nudge()


@pytest.mark.parametrize("state", ["waiting", "rejected", "expired"])
async def test_an_order_without_approval_never_passes_its_pivot(office: Office, state: str) -> None:
    """Whatever a workflow does."""
    order_id = await office.held(seconds=3600 if state != "expired" else 0)
    if state == "rejected":
        await office.decide(order_id, REJECT)
    if state == "expired":
        await office.conclude(order_id)
    await office.execute(
        "UPDATE orders SET deadline_at = now() + interval '1 hour' WHERE order_id = :order_id", order_id
    )

    with pytest.raises(Refused, match="was not approved"):
        await office.desk.complete(order_id)


async def test_approve_reject_cancel_and_expiry_at_once_have_one_winner(office: Office) -> None:
    """In a hundred races one of them ends the wait, and everyone reads the same end."""
    order_ids = [await office.held() for _ in range(TRIES)]

    async def over(order_id: str) -> None:
        await office.execute("UPDATE orders SET approval_due_at = now() WHERE order_id = :order_id", order_id)
        await office.conclude(order_id)

    async def race(order_id: str, number: int) -> str:
        rivals: list[Callable[[], Awaitable[object]]] = [
            lambda: office.decide(order_id, APPROVE),
            lambda: office.decide(order_id, REJECT),
            lambda: office.desk.orders.request_cancel(order_id),
            lambda: over(order_id),
            lambda: office.desk.taken_over(order_id),
        ]
        turn = number % len(rivals)
        answers = await asyncio.gather(*(rival() for rival in rivals[turn:] + rivals[:turn]))
        decided = {"approved": APPROVE, "rejected": REJECT}
        ((outcome, by, _),) = await office.record(order_id)
        said_yes = [answer for answer in answers if isinstance(answer, tuple) and answer[0] == 200]
        assert len(said_yes) == (1 if outcome in decided else 0), (outcome, answers)
        assert by == (decided[outcome]["by"] if outcome in decided else None)
        assert await office.state(order_id) == outcome
        return outcome

    outcomes = Counter([await race(order_id, number) for number, order_id in enumerate(order_ids)])

    assert sum(outcomes.values()) == TRIES
    assert len(outcomes) >= 2, f"no race at all: {outcomes}"


async def test_many_approvals_and_rejections_at_once_are_one_decision(office: Office) -> None:
    """Twenty people decide about one order."""
    for _ in range(10):
        order_id = await office.held()
        bodies = [{**(APPROVE if number % 2 else REJECT), "by": f"person-{number}"} for number in range(20)]

        answers = await asyncio.gather(*(office.decide(order_id, body) for body in bodies))

        ((outcome, by, _),) = await office.record(order_id)
        assert {(answer["state"], answer["by"]) for status, answer in answers if status == 200} == {(outcome, by)}
        assert Counter(status for status, _ in answers) == {200: 10, 409: 10}


async def test_a_decision_is_told_until_the_saga_has_read_it(office: Office) -> None:
    """Also when the engine was away, the process died, or the event got lost."""
    order_id = await office.held()
    office.engine.away_calls = 1

    await office.decide(order_id, APPROVE)
    async with asyncio.timeout(10):
        while not office.engine.calls:  # noqa: ASYNC110 - the starter works in the background
            await asyncio.sleep(0.01)

    assert order_id in await office.to_nudge()
    await office.approvals.nudged(order_id)
    assert order_id not in await office.approvals.lease_nudges(100)
    assert order_id in await office.to_nudge()
    await office.conclude(order_id)
    assert order_id not in await office.to_nudge()


async def test_the_saga_is_told_of_a_wait_that_is_over_and_of_a_cancel(office: Office) -> None:
    """Its timer and the cancel's own event may be lost as well."""
    over, cancelled = await office.held(seconds=0), await office.held()
    await office.desk.orders.request_cancel(cancelled)

    assert {over, cancelled} <= set(await office.to_nudge())


async def test_two_processes_do_not_tell_the_same_order_at_once(office: Office) -> None:
    """Each order goes to one of them for the length of a lease."""
    order_ids = {await office.held(seconds=-60) for _ in range(20)}

    first, second = await asyncio.gather(office.approvals.lease_nudges(100), office.approvals.lease_nudges(100))

    assert set(first) | set(second) == order_ids
    assert set(first) & set(second) == set()


async def test_what_waits_is_listed_oldest_first_page_by_page(office: Office) -> None:
    """With age, score and amount at risk; what was decided is listed no more, but can be looked up."""
    order_ids = [await office.held() for _ in range(3)]
    await office.decide(order_ids[1], APPROVE)

    first = await office.get("/approvals?limit=1")
    second = await office.get(f"/approvals?limit=1&cursor={first['next_cursor']}")

    assert [order_ids[0], order_ids[2]] == [page["items"][0]["order_id"] for page in (first, second)]
    assert second["next_cursor"] is None
    (waiting,) = first["items"]
    assert (waiting["state"], waiting["score"], waiting["model_version"]) == ("waiting", 0.93, "fraud-1")
    assert (waiting["amount_at_risk_cents"], waiting["currency"], waiting["why"]) == (100, "EUR", "risky")
    assert waiting["age_seconds"] >= 0
    decided = await office.get(f"/orders/{order_ids[1]}/approval")
    assert (decided["state"], decided["by"], decided["decided_at"] is not None) == ("approved", "ann", True)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE approvals SET outcome = 'rejected' WHERE order_id = :order_id",
        "DELETE FROM approvals WHERE order_id = :order_id",
        "TRUNCATE approvals",
        "UPDATE orders SET approval_state = 'rejected' WHERE order_id = :order_id",
        "UPDATE orders SET approval_state = NULL WHERE order_id = :order_id",
    ],
)
async def test_the_record_can_not_be_changed(office: Office, change: str) -> None:
    """Not even by the service's own role."""
    order_id = await office.held()
    await office.decide(order_id, APPROVE)

    with pytest.raises(IntegrityError):
        await office.execute(change, order_id)


async def test_the_orders_of_a_customers_last_day_are_counted(desk: Desk) -> None:
    """By the account, not by the address: that costs nothing to change. Older ones and those of others don't count."""
    for _ in range(3):
        await desk.accepted(user_id="ada")
    old, _ = await desk.accepted(user_id="ada"), await desk.accepted(user_id="bob")
    async with desk.engine.begin() as tx:
        await tx.execute(
            text("UPDATE orders SET accepted_at = now() - interval '25 hours' WHERE order_id = :id"), {"id": old}
        )

    assert await desk.orders.orders_last_day("ada") == 3
    assert await desk.orders.orders_last_day("nobody") == 0


async def test_the_metrics_tell_of_orders_that_wait(office: Office) -> None:
    """Number and age of the oldest, so that nobody has to look to be alarmed."""
    order_ids = [await office.held(), await office.held()]
    since = text("UPDATE orders SET approval_since = now() - interval '1 hour' WHERE order_id = :id")
    async with office.desk.engine.begin() as tx:
        await tx.execute(since, {"id": order_ids[1]})

    await count_waiting(office.desk.engine, "shop_orders_waiting_for_approval", 2)
    assert 3600 <= metric("shop_orders_waiting_for_approval_oldest_seconds") < 3700

    for order_id in order_ids:
        await office.decide(order_id, APPROVE)
    await count_waiting(office.desk.engine, "shop_orders_waiting_for_approval", 0)
    assert 0 == metric("shop_orders_waiting_for_approval_oldest_seconds")


def _seconds_from_now(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - datetime.now(UTC)).total_seconds()
