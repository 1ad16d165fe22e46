"""What else ends a wait, and that nothing passes the pivot without an approval."""

import pytest

from shared.participant.errors import Refused
from shared.shop.approval import ApprovalState
from shared.shop.order import OrderStatus
from tests.integration.order.approvals.world import APPROVE, REJECT, ApprovalWorld


async def test_a_cancel_ends_the_wait(api: ApprovalWorld) -> None:
    """In the cancel's own statement; a decision comes too late."""
    order_id = await api.held()

    assert await api.world.orders.request_cancel(order_id)
    assert await api.world.orders.request_cancel(order_id)

    status, problem = await api.decide(order_id, APPROVE)
    assert (status, "cancelled by its customer" in problem["detail"]) == (409, True)
    assert (await api.conclude(order_id)).state is ApprovalState.CANCELLED
    assert [("cancelled", None, None)] == await api.record(order_id)
    assert await api.world.close(order_id) is OrderStatus.CANCELLED


async def test_a_cancelled_order_is_not_held(api: ApprovalWorld) -> None:
    """Its customer came first: there is nothing to decide."""
    order_id = await api.world.in_progress()
    assert await api.world.orders.request_cancel(order_id)

    standing = await api.hold(order_id)

    assert standing.state is ApprovalState.CANCELLED
    assert await api.state(order_id) is None


async def test_an_approved_order_can_be_cancelled(api: ApprovalWorld) -> None:
    """As any other before its pivot."""
    order_id = await api.held()
    await api.decide(order_id, APPROVE)

    assert await api.world.orders.request_cancel(order_id)

    assert await api.world.close(order_id) is OrderStatus.CANCELLED
    assert [("approved", "ann", "")] == await api.record(order_id)


async def test_a_take_over_drops_the_wait(api: ApprovalWorld) -> None:
    """The lost run reads that it has nothing more to do, and a person that there is nothing to decide."""
    order_id = await api.held()

    assert await api.world.taken_over(order_id)

    assert (await api.conclude(order_id)).state is ApprovalState.DROPPED
    assert (await api.hold(order_id)).state is ApprovalState.DROPPED
    status, problem = await api.decide(order_id, APPROVE)
    assert (status, "lost its workflow" in problem["detail"]) == (409, True)
    assert [("dropped", None, None)] == await api.record(order_id)


async def test_an_order_that_is_closed_waits_no_more(api: ApprovalWorld) -> None:
    """Whatever ended it."""
    order_id = await api.held()

    await api.world.close(order_id)

    assert [("dropped", None, None)] == await api.record(order_id)
    assert [] == (await api.get("/approvals"))["items"]
    assert order_id not in await api.to_signal()


@pytest.mark.parametrize("state", ["waiting", "rejected", "expired"])
async def test_an_order_without_approval_never_passes_its_pivot(api: ApprovalWorld, state: str) -> None:
    """Whatever a workflow does."""
    order_id = await api.held(seconds=3600 if state != "expired" else 0)
    if state == "rejected":
        await api.decide(order_id, REJECT)
    if state == "expired":
        await api.conclude(order_id)
    await api.execute("UPDATE orders SET deadline_at = now() + interval '1 hour' WHERE order_id = :order_id", order_id)

    with pytest.raises(Refused, match="was not approved"):
        await api.world.complete(order_id)
