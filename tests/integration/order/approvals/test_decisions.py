"""Whoever decides does it once and in time, and the saga reads it."""

import asyncio

import pytest

from shared.shop.approval import ApprovalState
from tests.integration.order.approvals.office import APPROVE, REJECT, ApprovalOffice, seconds_from_now
from tests.waiting import eventually


async def test_an_order_waits_with_the_approvals_deadline(office: ApprovalOffice) -> None:
    """It counts neither as late nor as stuck while a person thinks; a repeat of the record changes nothing."""
    order_id = await office.desk.in_progress(deadline_seconds=1)

    first = await office.hold(order_id)
    before = await office.desk.orders.by_id(order_id)
    again = await office.hold(order_id, seconds=7)

    assert first == again
    assert before == await office.desk.orders.by_id(order_id)
    assert (first.state, first.deadline_at) == (ApprovalState.WAITING, first.due_at)
    assert 3590 < seconds_from_now(first.due_at) <= 3600


async def test_an_approved_order_has_a_deadline_of_its_own(office: ApprovalOffice) -> None:
    """From the approval on: time in which it waited isn't counted."""
    order_id = await office.held()

    status, answer = await office.decide(order_id, APPROVE)

    standing = await office.conclude(order_id)
    assert status == 200
    assert (answer["state"], answer["by"], answer["score"]) == ("approved", "ann", 0.93)
    assert (standing.state, standing.by) == (ApprovalState.APPROVED, "ann")
    assert 290 < seconds_from_now(standing.deadline_at) <= 300
    assert [("approved", "ann", "")] == await office.record(order_id)
    await office.desk.complete(order_id)
    assert await office.desk.status(order_id) == "completed"


async def test_a_rejected_order_says_who_and_why(office: ApprovalOffice) -> None:
    """The saga reads it in the row, and ends the order with it."""
    order_id = await office.held()

    status, _ = await office.decide(order_id, REJECT)

    standing = await office.conclude(order_id)
    assert status == 200
    assert standing.why_not == "bob rejected the order: a stolen card"
    assert [("rejected", "bob", "a stolen card")] == await office.record(order_id)


async def test_the_same_decision_again_gets_the_first_one(office: ApprovalOffice) -> None:
    """Whoever repeats it: a lost answer is no second decision."""
    order_id = await office.held()
    first = await office.decide(order_id, APPROVE)
    again = await office.decide(order_id, {**APPROVE, "by": "carl"})

    assert again == (200, {**first[1], "age_seconds": again[1]["age_seconds"]})
    assert [("approved", "ann", "")] == await office.record(order_id)


@pytest.mark.parametrize(
    ("first", "then", "words"), [(APPROVE, REJECT, "approved by ann"), (REJECT, APPROVE, "rejected by bob")]
)
async def test_a_contrary_decision_comes_too_late(
    office: ApprovalOffice, first: object, then: object, words: str
) -> None:
    """409 with a sentence that says what stands; nothing is changed."""
    order_id = await office.held()
    await office.decide(order_id, first)
    before = await office.record(order_id)

    status, problem = await office.decide(order_id, then)

    assert status == 409
    assert words in problem["detail"]
    assert before == await office.record(order_id)


async def test_what_waits_for_no_approval_can_not_be_decided(office: ApprovalOffice) -> None:
    """404 for an unknown order, 409 for one that needs no approval; and a rejection needs a reason."""
    order_id = await office.desk.in_progress()

    assert (await office.decide("ord-nobody", APPROVE))[0] == 404
    status, problem = await office.decide(order_id, APPROVE)
    assert (status, problem["detail"]) == (409, f"Order {order_id} waits for no approval: it is in_progress.")
    assert (await office.client.get(f"/orders/{order_id}/approval")).status == 404
    assert (await office.client.get("/orders/ord-nobody/approval")).status == 404
    for body in ({"decision": "reject", "by": "bob"}, {"decision": "maybe", "by": "bob"}, {"decision": "approve"}):
        assert (await office.decide(order_id, body))[0] == 422


async def test_nobody_decides_after_the_time_is_over(office: ApprovalOffice) -> None:
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


async def test_an_event_without_decision_changes_nothing(office: ApprovalOffice) -> None:
    """The saga reads that it has to wait on."""
    order_id = await office.held()

    assert (await office.conclude(order_id)).state is ApprovalState.WAITING
    assert [] == await office.record(order_id)


async def test_a_decision_is_told_until_the_saga_has_read_it(office: ApprovalOffice) -> None:
    """Also when the engine was away, the process died, or the event got lost."""
    order_id = await office.held()
    office.engine.away_calls = 1

    await office.decide(order_id, APPROVE)
    await eventually(lambda: office.engine.calls)

    assert order_id in await office.to_nudge()
    await office.approvals.signalled(order_id)
    assert order_id not in await office.approvals.lease_signals(100)
    assert order_id in await office.to_nudge()
    await office.conclude(order_id)
    assert order_id not in await office.to_nudge()


async def test_the_saga_is_told_of_a_wait_that_is_over_and_of_a_cancel(office: ApprovalOffice) -> None:
    """Its timer and the cancel's own event may be lost as well."""
    over, cancelled = await office.held(seconds=0), await office.held()
    await office.desk.orders.request_cancel(cancelled)

    assert {over, cancelled} <= set(await office.to_nudge())


async def test_two_processes_do_not_tell_the_same_order_at_once(office: ApprovalOffice) -> None:
    """Each order goes to one of them for the length of a lease."""
    order_ids = {await office.held(seconds=-60) for _ in range(20)}

    first, second = await asyncio.gather(office.approvals.lease_signals(100), office.approvals.lease_signals(100))

    assert set(first) | set(second) == order_ids
    assert set(first) & set(second) == set()
