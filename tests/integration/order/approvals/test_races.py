"""Whatever ends a wait at the same moment, one of them does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import permutations

import pytest

from tests.integration.order.approvals.world import APPROVE, REJECT, ApprovalWorld

TRIES = 100
ENDS = ("approved", "rejected", "cancelled", "expired", "dropped")


async def test_approve_reject_cancel_and_expiry_at_once_have_one_winner(api: ApprovalWorld) -> None:
    """In a hundred races one of them ends the wait, and everyone reads the same end."""
    order_ids = [await api.held() for _ in range(TRIES)]

    async def race(order_id: str, number: int) -> str:
        rivals = list(_rivals(api, order_id).values())
        turn = number % len(rivals)
        answers = await asyncio.gather(*(rival() for rival in rivals[turn:] + rivals[:turn]))
        decided = {"approved": APPROVE, "rejected": REJECT}
        ((outcome, by, _),) = await api.record(order_id)
        said_yes = [answer for answer in answers if isinstance(answer, tuple) and answer[0] == 200]
        assert len(said_yes) == (1 if outcome in decided else 0), (outcome, answers)
        assert by == (decided[outcome]["by"] if outcome in decided else None)
        assert await api.state(order_id) == outcome
        return outcome

    outcomes = Counter([await race(order_id, number) for number, order_id in enumerate(order_ids)])

    assert sum(outcomes.values()) == TRIES
    assert len(outcomes) >= 2, f"no race at all: {outcomes}"


@pytest.mark.parametrize(("first", "second"), list(permutations(ENDS, 2)))
async def test_who_takes_the_row_first_ends_the_wait(api: ApprovalWorld, first: str, second: str) -> None:
    """Whoever waits behind it changes nothing of that end."""
    order_id = await api.held()
    rivals = _rivals(api, order_id)
    if first == "expired":  # one statement takes the row, and ends the wait
        await _let_time_be_up(api, order_id)
        rivals["expired"] = lambda: api.conclude(order_id)

    await api.world.in_turn(order_id, rivals[first], rivals[second])

    ((outcome, *_),) = await api.record(order_id)
    assert outcome == first
    assert await api.state(order_id) == first


async def test_many_approvals_and_rejections_at_once_are_one_decision(api: ApprovalWorld) -> None:
    """Twenty people decide about one order."""
    for _ in range(10):
        order_id = await api.held()
        bodies = [{**(APPROVE if number % 2 else REJECT), "by": f"person-{number}"} for number in range(20)]

        answers = await asyncio.gather(*(api.decide(order_id, body) for body in bodies))

        ((outcome, by, _),) = await api.record(order_id)
        assert {(answer["state"], answer["by"]) for status, answer in answers if status == 200} == {(outcome, by)}
        assert Counter(status for status, _ in answers) == {200: 10, 409: 10}


def _rivals(api: ApprovalWorld, order_id: str) -> dict[str, Callable[[], Awaitable[object]]]:
    """Who would end the order's wait, by the end that it would have."""

    async def over() -> None:
        await _let_time_be_up(api, order_id)
        await api.conclude(order_id)

    return {
        "approved": lambda: api.decide(order_id, APPROVE),
        "rejected": lambda: api.decide(order_id, REJECT),
        "cancelled": lambda: api.world.orders.request_cancel(order_id),
        "expired": over,
        "dropped": lambda: api.world.taken_over(order_id),
    }


async def _let_time_be_up(api: ApprovalWorld, order_id: str) -> None:
    await api.execute("UPDATE orders SET approval_due_at = now() WHERE order_id = :order_id", order_id)
