"""A person closes a payment: nothing is given back twice, whatever was, or still is, on its way to the gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from payment_service.gateway import GatewayOutageError, HttpGateway
from shared.contracts.repair import ByHand, Decision
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.payment import PaymentRefunded
from tests.integration.payment.bench import Bench, GatewayClient, a_decision, a_key, a_payment, given_back, query
from tests.integration.payment.hooked import Hold, Hooked, ProcessDiedError, die, dies_after, dies_before
from tests.integration.turns import in_turn

pytestmark = pytest.mark.integration

SETTLED = PaymentRefunded(refunded_cents=0, currency="EUR", by_hand=a_decision().closes(4200, "EUR"))
REFUNDED = given_back(4200)
NOTHING = given_back(0)


async def charged(bench: Bench) -> StepKey:
    key = a_key()
    await bench.payments().process(key, a_payment(4200))
    return key


@pytest.mark.parametrize(
    ("decision", "status", "by_hand"),
    [(Decision.SETTLE, "settled", (4200, 0)), (Decision.SKIP, "written_off", (0, 4200))],
)
async def test_what_is_closed_by_hand_stays_at_the_gateway_and_is_accounted(
    bench: Bench, decision: Decision, status: str, by_hand: tuple[int, int]
) -> None:
    """The customer's account is even, and what the shop owes, or keeps, stands in an account of its own."""
    key = await charged(bench)

    answer = await bench.payments().give_back(key, a_decision(decision))

    assert answer == PaymentRefunded(refunded_cents=0, currency="EUR", by_hand=a_decision(decision).closes(4200, "EUR"))
    assert (4200, 0) == await bench.captured_and_refunded(key)
    assert ("undone", status) == (await bench.state(key), await bench.payment_status(key))
    assert by_hand == await bench.by_hand(key)
    closings = await query(
        bench.database, "SELECT repair_id, status, amount, unit, decided_by, note FROM hand_closings"
    )
    assert [("rep-1", status, 4200, "EUR", "ann", "paid in cash")] == closings


async def test_whatever_comes_after_a_settlement_gets_its_result(bench: Bench) -> None:
    """A late undo, a repeat, another decision: all get the first answer and move nothing. A late do is refused."""
    key = await charged(bench)
    payments = bench.payments()
    await payments.give_back(key, a_decision())

    later = await asyncio.gather(
        *(payments.give_back(key) for _ in range(5)),
        *(payments.give_back(key, a_decision()) for _ in range(5)),
        payments.give_back(key, a_decision(Decision.SKIP, "rep-2")),
    )

    assert {SETTLED} == set(later)
    with pytest.raises(Refused, match="undone before it arrived"):
        await payments.process(key, a_payment(4200))
    assert (4200, 0) == await bench.captured_and_refunded(key)


async def test_a_settlement_after_the_refund_settles_nothing(bench: Bench) -> None:
    """The answer says to the person that the money is back already."""
    key = await charged(bench)
    await bench.payments().give_back(key)

    assert REFUNDED == await bench.payments().give_back(key, a_decision())
    assert (0, 0) == await bench.by_hand(key)


async def test_a_settlement_of_nothing_leaves_a_tombstone(bench: Bench) -> None:
    """No charge was ever asked for: there is nothing to pay, and a late charge is refused."""
    key = a_key()

    assert NOTHING == await bench.payments().give_back(key, a_decision())
    with pytest.raises(Refused):
        await bench.payments().process(key, a_payment())
    assert (0, 0) == await bench.captured_and_refunded(key)


async def test_a_charge_whose_answer_was_lost_is_asked_for(bench: Bench) -> None:
    """Pending here, charged there: exactly what the gateway holds is settled."""
    key = a_key()
    with pytest.raises(GatewayOutageError):
        await bench.payments().process(key, a_payment(token="tok_lost"))

    assert SETTLED == await bench.payments().give_back(key, a_decision())


async def test_a_part_that_was_given_back_is_not_settled_again(bench: Bench, client_of_bench: GatewayClient) -> None:
    """Someone had refunded 10.00 at the gateway: 32.00 are left to settle."""
    key = await charged(bench)
    charge = await bench.gateway.look_up(str(key))
    assert charge is not None
    await client_of_bench.refund("goodwill", charge_id=charge.charge_id, amount_cents=1000)

    answer = await bench.payments().give_back(key, a_decision())

    assert answer == PaymentRefunded(refunded_cents=1000, currency="EUR", by_hand=a_decision().closes(3200, "EUR"))
    assert (3200, 0) == await bench.by_hand(key)


async def test_a_settlement_waits_for_the_gateway(bench: Bench) -> None:
    """While nobody can say what the gateway holds, nothing is settled: the person reads so, and pays nothing."""
    key = await charged(bench)
    away = HttpGateway("http://127.0.0.1:1", timeout_seconds=1)
    with pytest.raises(GatewayOutageError, match="gave no answer to POST /v1/seals"):
        await bench.payments(away).give_back(key, a_decision())
    await away.close()

    assert (0, 0) == await bench.by_hand(key)
    assert REFUNDED == await bench.payments().give_back(key)


async def test_a_refund_on_its_way_comes_too_late_for_the_seal(bench: Bench) -> None:
    """It hangs between here and the gateway while a person settles: it gives nothing back when it arrives."""
    key, hold = await charged(bench), Hold()
    refunding = asyncio.create_task(bench.payments(Hooked(bench.gateway, before=hold)).give_back(key))
    await hold.reached()

    assert SETTLED == await bench.payments().give_back(key, a_decision())
    hold.let_go()

    assert SETTLED == await refunding
    assert (4200, 0) == await bench.captured_and_refunded(key)


async def test_a_refund_that_arrived_before_the_seal_counts(bench: Bench) -> None:
    """Its answer is still on its way back when the person settles: there is nothing left to settle."""
    key, hold = await charged(bench), Hold()
    refunding = asyncio.create_task(bench.payments(Hooked(bench.gateway, after=hold)).give_back(key))
    await hold.reached()

    assert REFUNDED == await bench.payments().give_back(key, a_decision())
    hold.let_go()

    assert REFUNDED == await refunding
    assert (0, 0) == await bench.by_hand(key)


async def test_a_void_on_its_way_comes_too_late_for_the_seal(bench: Bench) -> None:
    """The charge was never recorded here, so that its undo is a void: sealed, it gives nothing back either."""
    key, hold = a_key(), Hold()
    with pytest.raises(GatewayOutageError):
        await bench.payments().process(key, a_payment(token="tok_lost"))
    voiding = asyncio.create_task(bench.payments(Hooked(bench.gateway, before=hold)).give_back(key))
    await hold.reached()

    assert SETTLED == await bench.payments().give_back(key, a_decision())
    hold.let_go()

    assert SETTLED == await voiding


async def test_a_charge_on_its_way_comes_too_late_for_the_seal(bench: Bench) -> None:
    """The do hangs before the gateway while its step is settled: nothing was there, and nothing is ever charged."""
    key, hold = a_key(), Hold()
    charging = asyncio.create_task(bench.payments(Hooked(bench.gateway, before=hold)).process(key, a_payment()))
    await hold.reached()

    assert NOTHING == await bench.payments().give_back(key, a_decision())
    hold.let_go()

    with pytest.raises(Refused):
        await charging
    assert (0, 0) == await bench.captured_and_refunded(key)


@pytest.mark.parametrize("dies", [dies_before, dies_after])
async def test_a_settlement_that_dies_is_carried_out_by_its_repeat(
    bench: Bench, dies: Callable[[HttpGateway], Hooked]
) -> None:
    """Before or after the seal: the repeat finds what was begun."""
    key = await charged(bench)
    with pytest.raises(ProcessDiedError):
        await bench.payments(dies(bench.gateway)).give_back(key, a_decision())

    assert SETTLED == await bench.payments().give_back(key, a_decision())


async def test_a_retry_after_an_interrupted_settlement_asks_for_a_decision(bench: Bench) -> None:
    """Sealed at the gateway, not recorded here: no refund is possible any more, and the person reads what is."""
    key = await charged(bench)
    with pytest.raises(ProcessDiedError):
        await bench.payments(Hooked(bench.gateway, after=die)).give_back(key, a_decision())

    with pytest.raises(Refused, match="settle or skip it again"):
        await bench.payments().give_back(key)
    answer = await bench.payments().give_back(key, a_decision(Decision.SKIP, "rep-2"))

    assert answer.by_hand == a_decision(Decision.SKIP, "rep-2").closes(4200, "EUR")
    assert (4200, 0) == await bench.captured_and_refunded(key)


async def test_settlement_and_undo_that_race_have_one_winner(bench: Bench) -> None:
    """Side by side, many times: the money is either refunded or settled, never both, and all get the same answer."""
    decisions: list[ByHand | None] = [None, a_decision(), None, a_decision(Decision.SKIP, "rep-2")]
    for number in range(20):
        key = await charged(bench)
        order = decisions[number % 4 :] + decisions[: number % 4]

        async def refund(key: StepKey, decision: ByHand | None) -> PaymentRefunded:
            return await _until_published(lambda: bench.payments().give_back(key, decision))

        answers = set(await asyncio.gather(*(refund(key, decision) for decision in order)))

        (answer,) = answers
        closed = answer.by_hand.amount if answer.by_hand else 0
        assert (4200, 4200 - closed) == await bench.captured_and_refunded(key)
        assert closed == sum(await bench.by_hand(key))


@pytest.mark.parametrize("settles_first", [True, False])
async def test_settlement_and_undo_take_the_charge_in_turn(bench: Bench, *, settles_first: bool) -> None:
    """The gateway's row decides: a refund behind the seal is refused, and a seal behind the refund finds nothing."""
    key = await charged(bench)
    decisions = (a_decision(), None) if settles_first else (None, a_decision())

    await in_turn(
        bench.gateway_database,
        f"charges WHERE idempotency_key = '{key}'",
        *(partial(bench.payments().give_back, key, decision) for decision in decisions),
    )

    answers = {await _until_published(partial(bench.payments().give_back, key, decision)) for decision in decisions}
    assert answers == {SETTLED if settles_first else REFUNDED}
    assert (4200, 0 if settles_first else 4200) == await bench.captured_and_refunded(key)


async def _until_published(attempt: Callable[[], Awaitable[PaymentRefunded]]) -> PaymentRefunded:
    """A refund that finds the seal before its decision is recorded is refused; it gets the answer soon."""
    while True:
        try:
            return await attempt()
        except Refused:
            await asyncio.sleep(0)
