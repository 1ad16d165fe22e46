"""One decision per key, one at a time per step."""

import asyncio

import pytest

from order_service.repair.store import RepairStore
from shared.contracts.repair import AppliedRepair, RepairOutcome
from tests.integration.order.repairs.world import PAYMENT, RETRY, SETTLE, STOCK, RepairWorld, raised


async def test_a_decision_is_stored_sent_and_on_the_record(api: RepairWorld) -> None:
    order_id = await api.parked()

    status, answer = await api.decide(order_id, SETTLE)

    assert (202, order_id, "requested") == (status, answer["order_id"], answer["status"])
    (decision,) = await raised(api)
    assert decision.model_dump(mode="json") == {**SETTLE, "repair_id": answer["repair_id"]}
    await api.close(
        order_id, AppliedRepair(repair_id=answer["repair_id"], outcome=RepairOutcome.SETTLED, detail="by ann")
    )
    (repair,) = await api.trail(order_id)
    assert ("applied", "settled", "by ann") == (repair["status"], repair["outcome"], repair["detail"])
    assert ("process_payment", "settle", "ann", "cash") == tuple(
        repair[name] for name in ("step", "decision", "by", "note")
    )
    assert repair["requested_at"] <= repair["sent_at"] <= repair["applied_at"]


async def test_the_compensation_names_the_step_as_well(api: RepairWorld) -> None:
    order_id = await api.parked()

    await api.decide(order_id, {**SETTLE, "step": "refund_payment"})

    assert ["process_payment"] == [one["step"] for one in await api.trail(order_id)]


async def test_the_same_key_and_body_get_the_same_answer_for_good(api: RepairWorld) -> None:
    """Also side by side, and after the order has ended; another body, or another order, is a conflict."""
    order_id, other = await api.parked(), await api.parked()

    answers = await asyncio.gather(*(api.decide(order_id, SETTLE) for _ in range(10)))
    await api.close(order_id)
    answers.append(await api.decide(order_id, SETTLE))

    assert {202} == {status for status, _ in answers}
    assert 1 == len({answer["repair_id"] for _, answer in answers})
    assert 1 == len(await api.trail(order_id))
    for changed in ((order_id, {**SETTLE, "note": "cheque"}), (other, SETTLE)):
        status, problem = await api.decide(*changed)
        assert 409 == status
        assert "used for another decision" in problem["detail"]


async def test_a_decision_carried_out_while_its_twin_was_on_the_way(
    api: RepairWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both had looked for the key and not found it; the order has ended by the time the second one is stored."""
    order_id = await api.parked()
    first = await api.decide(order_id, SETTLE)
    await api.close(order_id)
    look, looks = RepairStore.by_key, iter([None])

    async def too_early(repairs: RepairStore, key: str) -> object:
        return next(looks, await look(repairs, key))

    monkeypatch.setattr(RepairStore, "by_key", too_early)

    assert first == await api.decide(order_id, SETTLE)


async def test_a_step_has_one_decision_at_a_time(api: RepairWorld) -> None:
    """Two persons with two keys: one is asked to wait for the other; another step can be decided meanwhile."""
    order_id = await api.parked(PAYMENT, STOCK)

    answers = await asyncio.gather(*(api.decide(order_id, RETRY, key) for key in ("ann", "bob")))
    other_step, _ = await api.decide(order_id, {**RETRY, "step": "reserve_stock"}, "eve")

    assert [202, 409] == sorted(status for status, _ in answers)
    assert 202 == other_step
    (problem,) = [answer for status, answer in answers if status == 409]
    (accepted,) = [answer for status, answer in answers if status == 202]
    assert accepted["repair_id"] in problem["detail"]


async def test_after_a_decision_that_failed_there_is_another_one(api: RepairWorld) -> None:
    order_id = await api.parked()
    _, first = await api.decide(order_id, RETRY, "key-1")
    applied = AppliedRepair(repair_id=first["repair_id"], outcome=RepairOutcome.STILL_STUCK, detail="refused again")
    await api.park(order_id, PAYMENT, repairs=(applied,))

    assert 202 == (await api.decide(order_id, SETTLE, "key-2"))[0]
    assert ["still_stuck", None] == [one["outcome"] for one in await api.trail(order_id)]
