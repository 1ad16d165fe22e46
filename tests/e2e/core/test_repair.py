"""The repair API on the real stack: every decision at every participant, repeated, and through kills of everything."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import shop_command
from tests.e2e.repairs import PARTICIPANT, STEPS, Repairer
from tests.e2e.shop import UNDO, Shop, eventually, fault, held, outcomes

PRICE_CENTS = 1290
HELD_BY = {
    "reserve_stock": (1, "units"),
    "process_payment": (PRICE_CENTS, "EUR"),
    "book_shipment": (1, "parcels"),
}


@pytest.fixture
def repairer(shop: Shop) -> Repairer:
    return Repairer(shop)


def undos_of(order: dict[str, Any], activity: str) -> list[tuple[str, str | None]]:
    """Every round of one compensation: its outcome and what is said of it."""
    return [(step["outcome"], step["error"]) for step in order["steps"] if step["name"] == activity]


@pytest.mark.parametrize("step", STEPS)
def test_a_retry_undoes_what_was_stuck(repairer: Repairer, step: str) -> None:
    """The cause is gone: the compensation is done after all, and the order ends as any that was undone."""
    order_id = repairer.parked(step)
    (stuck,) = repairer.waiting()[order_id]["stuck"]

    repair = repairer.applied(order_id, repairer.decide(order_id, step, "retry"))

    assert (step, UNDO[step], PARTICIPANT[step], 1) == (
        stuck["step"],
        stuck["activity"],
        stuck["app_id"],
        stuck["attempts"],
    )
    assert "undone" == repair["outcome"]
    order = repairer.shop.end_of(order_id)
    assert ("compensated", 0) == (order["status"], order["money_at_risk_cents"])
    assert ["failed", "done"] == [outcome for outcome, _ in undos_of(order, UNDO[step])]
    assert [] == repairer.closings(order_id)
    assert order_id not in repairer.waiting()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("decision", "status"), [("settle", "settled"), ("skip", "written_off")])
def test_what_is_closed_by_hand_is_on_the_record_to_the_cent(
    repairer: Repairer, decision: str, status: str, step: str
) -> None:
    """The participant's books, the repairs and conservation say the same: who, why, and how much."""
    order_id = repairer.parked(step)

    repair = repairer.applied(order_id, repairer.decide(order_id, step, decision))

    amount, unit = HELD_BY[step]
    assert status == repair["outcome"]
    assert "by ann: called the bank" in repair["detail"]
    order = repairer.shop.end_of(order_id)
    assert "compensated" == order["status"]
    assert repair["detail"] == undos_of(order, UNDO[step])[-1][1]
    assert [(step, status, amount, unit)] == repairer.closings(order_id)


def test_a_person_with_the_command_decides_about_each_stuck_step(
    repairer: Repairer, environment: dict[str, str]
) -> None:
    """`shop repair`: list, retry, settle, show; the order waits until nothing of it is stuck."""

    def repair(*arguments: str) -> Any:  # noqa: ANN401 - JSON
        done = shop_command(environment, "repair", *arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    order_id = repairer.parked("process_payment", "reserve_stock")
    (waiting,) = [one for one in repair("list") if one["order_id"] == order_id]
    assert ["process_payment", "reserve_stock"] == [one["step"] for one in waiting["stuck"]]
    metrics = eventually(lambda: _metrics_of_waiting(repairer.shop), "the metrics show it")
    assert metrics["shop_orders_needing_attention"] >= 1

    first = repair("settle", order_id, "process_payment", "--by", "ann", "--note", "cheque 17")
    again = shop_command(environment, "repair", "settle", order_id, "process_payment", "--note", "cheque 18")
    second = repair("retry", order_id, "release_stock", "--by", "bob")

    assert (first["outcome"], second["outcome"]) == ("settled", "undone")
    assert again.returncode != 0
    assert "what does is reserve_stock" in again.stderr
    assert "compensated" == repairer.shop.end_of(order_id)["status"]
    trail = [(one["by"], one["decision"], one["outcome"]) for one in repair("show", order_id)]
    assert [("ann", "settle", "settled"), ("bob", "retry", "undone")] == trail
    shown = shop_command(environment, "repair", "show", order_id)
    assert "cheque 17" in shown.stdout


def _metrics_of_waiting(shop: Shop) -> dict[str, float] | None:
    lines = shop.call("GET", "/metrics").body.splitlines()
    found = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("shop_orders_needing")}
    return found if found["shop_orders_needing_attention_oldest_seconds"] > 0 else None


def test_the_same_decision_sent_many_times_is_carried_out_once(repairer: Repairer) -> None:
    """Side by side and again after the end: one decision, one execution, one answer."""
    order_id = repairer.parked("process_payment")

    with ThreadPoolExecutor(8) as clients:
        answers = list(
            clients.map(lambda _: repairer.post(order_id, "process_payment", "retry", f"key-{order_id}"), range(8))
        )
    order = repairer.shop.end_of(order_id)
    answers.append(repairer.post(order_id, "process_payment", "retry", f"key-{order_id}"))

    assert {202} == {answer.status for answer in answers}
    assert 1 == len({answer.body["repair_id"] for answer in answers})
    assert ["undone"] == [one["outcome"] for one in repairer.trail(order_id)]
    assert ["failed", "done"] == [outcome for outcome, _ in undos_of(order, "refund_payment")]


def test_the_order_service_killed_between_a_decision_and_its_event(repairer: Repairer) -> None:
    """The engine is away when a person decides, and then the process dies: the row is all that is left, and enough."""
    order_ids = {decision: repairer.parked("process_payment") for decision in ("retry", "settle")}
    with held(repairer.shop.stack, "order-service-daprd"):
        repairs = {
            decision: repairer.decide(order_id, "process_payment", decision) for decision, order_id in order_ids.items()
        }
        repairer.shop.stack.kill("order-service")

    ends = {decision: repairer.applied(order_ids[decision], repairs[decision])["outcome"] for decision in repairs}
    assert {"retry": "undone", "settle": "settled"} == ends
    for order_id in order_ids.values():
        assert 2 == len(undos_of(repairer.shop.end_of(order_id), "refund_payment"))


def test_an_order_waits_through_the_death_of_its_engine(repairer: Repairer) -> None:
    """App and sidecar are killed while the order is parked: it is still listed, and the decision still reaches it."""
    order_id = repairer.parked("process_payment", "reserve_stock")
    repairer.applied(order_id, repairer.decide(order_id, "process_payment", "settle"))

    for name in ("order-service-daprd", "order-service"):
        repairer.shop.stack.kill(name)
    repairer.shop.stack.wait_ready("order-service-daprd", "order-service")

    assert ["reserve_stock"] == [one["step"] for one in repairer.wait_parked(order_id)["stuck"]]
    assert "written_off" == repairer.applied(order_id, repairer.decide(order_id, "reserve_stock", "skip"))["outcome"]
    order = repairer.shop.end_of(order_id)
    assert [("refund_payment", "done"), ("release_stock", "failed")] == outcomes(order)[-2:]


@pytest.mark.parametrize("mode", ["crash_before", "crash_after"])
def test_every_participant_killed_while_it_carries_out_a_settlement(repairer: Repairer, mode: str) -> None:
    """SIGKILL before or after the commit: it is carried out again, and settled once."""
    order_ids = {step: repairer.parked(step, more=(fault(UNDO[step], mode),)) for step in STEPS}

    repairs = {step: repairer.decide(order_id, step, "settle") for step, order_id in order_ids.items()}

    for step, order_id in order_ids.items():
        assert "settled" == repairer.applied(order_id, repairs[step])["outcome"]
        assert [(step, "settled", *HELD_BY[step])] == repairer.closings(order_id)


def test_a_settlement_waits_for_a_participant_that_is_away(repairer: Repairer) -> None:
    """Nobody may pay before it says settled: until the payment-service is back, the order goes on waiting."""
    order_id = repairer.parked("process_payment")
    with held(repairer.shop.stack, "payment-service"):
        repair_id = repairer.decide(order_id, "process_payment", "settle")
        repairer.shop.reaches(order_id, "refund_payment")
        (repair,) = repairer.trail(order_id)
        assert ("sent", None) == (repair["status"], repair["outcome"])
        assert "needs_attention" == repairer.shop.show(order_id)["status"]
        assert 409 == repairer.post(order_id, "process_payment", "retry").status
        assert [] == repairer.closings(order_id)

    assert "settled" == repairer.applied(order_id, repair_id)["outcome"]


def test_a_settlement_waits_for_the_gateway(repairer: Repairer) -> None:
    """Only the gateway knows what it holds: while it is away nothing is settled."""
    order_id = repairer.parked("process_payment")
    with held(repairer.shop.stack, "payment-gateway"):
        repair_id = repairer.decide(order_id, "process_payment", "settle")
        order = eventually(
            lambda: _if_gateway_missed(repairer.shop.show(order_id)), "the payment-service misses its gateway"
        )
        assert "needs_attention" == order["status"]
        assert [] == repairer.closings(order_id)

    assert "settled" == repairer.applied(order_id, repair_id)["outcome"]
    assert [("process_payment", "settled", *HELD_BY["process_payment"])] == repairer.closings(order_id)


def _if_gateway_missed(order: dict[str, Any]) -> dict[str, Any] | None:
    outcome, error = undos_of(order, "refund_payment")[-1]
    return order if outcome == "running" and "gateway gave no answer" in (error or "") else None


def test_a_refund_after_completion_is_explained_once_it_is_recorded(repairer: Repairer) -> None:
    """Somebody gives a part back at the gateway: conservation complains, until `shop repair return` says so."""
    shop = repairer.shop
    order_id = shop.order()
    assert shop.end_of(order_id)["status"] == "completed"
    gateway = Shop(shop.stack, shop.stack.urls()["payment-gateway"])
    charge = gateway.call("GET", f"/v1/charges?key={order_id}:process_payment").body
    refund = {"charge_id": charge["charge_id"], "amount_cents": 290}
    assert gateway.call("POST", "/v1/refunds", refund, {"Idempotency-Key": f"{order_id}:by-hand"}).status == 200
    violated = {one["rule"] for one in shop.conservation()["violations"] if one["subject"] == order_id}
    assert violated == {"gateway_agrees_with_orders", "ledger_agrees_with_gateway"}

    record = ("repair", "return", order_id, "--amount-cents", "290", "--by", "ann", "--key", order_id, "--json")
    environment = {"SHOP_API_URL": shop.url}
    first, repeat = (shop_command(environment, *record) for _ in range(2))

    assert (first.returncode, repeat.returncode) == (0, 0), first.stderr + repeat.stderr
    assert json.loads(first.stdout) == json.loads(repeat.stdout)
    report = shop.conservation()
    assert report["holds"], report["violations"]
    assert shop.show(order_id)["returned_cents"] == 290
    too_much = shop_command(environment, *record[:4], "1001", *record[5:7], "--key", f"{order_id}-2")
    assert (too_much.returncode, "12.90 EUR that were charged 2.90 EUR were given back" in too_much.stderr) == (1, True)
