"""Whoever decides does it once and in time, and the saga reads it."""

import asyncio

import pytest

from shared.shop.approval import ApprovalState
from tests.integration.order.approvals.world import APPROVE, REJECT, ApprovalWorld, seconds_from_now
from tests.waiting import eventually


async def test_an_order_waits_with_the_approvals_deadline(api: ApprovalWorld) -> None:
    """It counts neither as late nor as stuck while a person thinks; a repeat of the record changes nothing."""
    order_id = await api.world.in_progress(deadline_seconds=1)

    first = await api.hold(order_id)
    before = await api.world.orders.by_id(order_id)
    again = await api.hold(order_id, seconds=7)

    assert first == again
    assert before == await api.world.orders.by_id(order_id)
    assert (first.state, first.deadline_at) == (ApprovalState.WAITING, first.due_at)
    assert 3590 < seconds_from_now(first.due_at) <= 3600


async def test_an_approved_order_has_a_deadline_of_its_own(api: ApprovalWorld) -> None:
    """From the approval on: time in which it waited isn't counted."""
    order_id = await api.held()

    status, answer = await api.decide(order_id, APPROVE)

    standing = await api.conclude(order_id)
    assert status == 200
    assert (answer["state"], answer["by"], answer["score"]) == ("approved", "ann", 0.93)
    assert (standing.state, standing.by) == (ApprovalState.APPROVED, "ann")
    assert 290 < seconds_from_now(standing.deadline_at) <= 300
    assert [("approved", "ann", "")] == await api.record(order_id)
    await api.world.complete(order_id)
    assert await api.world.status(order_id) == "completed"


async def test_a_rejected_order_says_who_and_why(api: ApprovalWorld) -> None:
    """The saga reads it in the row, and ends the order with it."""
    order_id = await api.held()

    status, _ = await api.decide(order_id, REJECT)

    standing = await api.conclude(order_id)
    assert status == 200
    assert standing.why_not == "bob rejected the order: a stolen card"
    assert [("rejected", "bob", "a stolen card")] == await api.record(order_id)


async def test_the_same_decision_again_gets_the_first_one(api: ApprovalWorld) -> None:
    """Whoever repeats it: a lost answer is no second decision."""
    order_id = await api.held()
    first = await api.decide(order_id, APPROVE)
    again = await api.decide(order_id, {**APPROVE, "by": "carl"})

    assert again == (200, {**first[1], "age_seconds": again[1]["age_seconds"]})
    assert [("approved", "ann", "")] == await api.record(order_id)


@pytest.mark.parametrize(
    ("first", "then", "words"), [(APPROVE, REJECT, "approved by ann"), (REJECT, APPROVE, "rejected by bob")]
)
async def test_a_contrary_decision_comes_too_late(api: ApprovalWorld, first: object, then: object, words: str) -> None:
    """409 with a sentence that says what stands; nothing is changed."""
    order_id = await api.held()
    await api.decide(order_id, first)
    before = await api.record(order_id)

    status, problem = await api.decide(order_id, then)

    assert status == 409
    assert words in problem["detail"]
    assert before == await api.record(order_id)


async def test_what_waits_for_no_approval_can_not_be_decided(api: ApprovalWorld) -> None:
    """404 for an unknown order, 409 for one that needs no approval; and a rejection needs a reason."""
    order_id = await api.world.in_progress()

    assert (await api.decide("ord-nobody", APPROVE))[0] == 404
    status, problem = await api.decide(order_id, APPROVE)
    assert (status, problem["detail"]) == (409, f"Order {order_id} waits for no approval: it is in_progress.")
    assert (await api.client.get(f"/orders/{order_id}/approval")).status == 404
    assert (await api.client.get("/orders/ord-nobody/approval")).status == 404
    for body in ({"decision": "reject", "by": "bob"}, {"decision": "maybe", "by": "bob"}, {"decision": "approve"}):
        assert (await api.decide(order_id, body))[0] == 422


async def test_nobody_decides_after_the_time_is_over(api: ApprovalWorld) -> None:
    """Also before the saga has read that it is."""
    order_id = await api.held(seconds=0)

    status, problem = await api.decide(order_id, APPROVE)

    assert status == 409
    assert "not approved in time" in problem["detail"]
    assert await api.state(order_id) == "waiting"
    standing = await api.conclude(order_id)
    assert standing.state is ApprovalState.EXPIRED
    assert standing == await api.conclude(order_id)
    assert [("expired", None, None)] == await api.record(order_id)
    assert "not approved in time" in (await api.decide(order_id, REJECT))[1]["detail"]


async def test_an_event_without_decision_changes_nothing(api: ApprovalWorld) -> None:
    """The saga reads that it has to wait on."""
    order_id = await api.held()

    assert (await api.conclude(order_id)).state is ApprovalState.WAITING
    assert [] == await api.record(order_id)


async def test_a_decision_is_signalled_until_the_saga_has_read_it(api: ApprovalWorld) -> None:
    """Also when the engine was away, the process died, or the event got lost."""
    order_id = await api.held()
    api.engine.away_calls = 1

    await api.decide(order_id, APPROVE)
    await eventually(lambda: api.engine.calls)

    assert order_id in await api.to_signal()
    await api.approvals.signalled(order_id)
    assert order_id not in await api.approvals.lease_signals(100)
    assert order_id in await api.to_signal()
    await api.conclude(order_id)
    assert order_id not in await api.to_signal()


async def test_the_saga_receives_the_end_of_a_wait_and_a_cancel(api: ApprovalWorld) -> None:
    """Its timer and the cancel's own event may be lost as well."""
    over, cancelled = await api.held(seconds=0), await api.held()
    await api.world.orders.request_cancel(cancelled)

    assert {over, cancelled} <= set(await api.to_signal())


async def test_two_processes_do_not_signal_the_same_order_at_once(api: ApprovalWorld) -> None:
    """Each order goes to one of them for the length of a lease."""
    order_ids = {await api.held(seconds=-60) for _ in range(20)}

    first, second = await asyncio.gather(api.approvals.lease_signals(100), api.approvals.lease_signals(100))

    assert set(first) | set(second) == order_ids
    assert set(first) & set(second) == set()
