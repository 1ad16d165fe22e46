"""Lost replies, outages and crashes: the next attempt settles them, or the undo does."""

import pytest

from payment_service.gateway import GatewayOutageError, HttpGateway
from shared.participant.errors import Refused
from shared.participant.fence import Fence, StillPendingError
from shared.shop.payment import PaymentProcessed
from tests.integration.payment.bench import Bench, a_key, a_payment, given_back
from tests.integration.payment.hooked import Hooking, ProcessDiedError, dies_after, dies_before

pytestmark = pytest.mark.integration


async def test_a_lost_reply_is_settled_by_the_next_attempt(bench: Bench) -> None:
    """The gateway charged and hung up: the retry finds the charge by its key."""
    key, payments = a_key(), bench.payments()
    with pytest.raises(GatewayOutageError, match="gave no answer"):
        await payments.process(key, a_payment(token="tok_lost"))
    assert "pending" == await bench.state(key)

    assert 4200 == (await payments.process(key, a_payment(token="tok_lost"))).amount_cents
    assert (4200, 0) == await bench.captured_and_refunded(key)


async def test_a_lost_reply_is_settled_by_the_undo(bench: Bench) -> None:
    """The charge that nobody recorded is given back, and the ledger shows both sides of it."""
    key, payments = a_key(), bench.payments()
    with pytest.raises(GatewayOutageError):
        await payments.process(key, a_payment(token="tok_lost"))

    assert given_back(4200) == await payments.give_back(key)
    assert (4200, 4200) == await bench.captured_and_refunded(key)


async def test_a_gateway_that_is_out_of_order_is_an_outage(bench: Bench) -> None:
    """5xx is neither a yes nor a no; the undo then closes the key."""
    key, payments = a_key(), bench.payments()
    for _ in range(2):
        with pytest.raises(GatewayOutageError, match="503"):
            await payments.process(key, a_payment(token="tok_error"))

    assert given_back(0) == await payments.give_back(key)
    assert "voided" == await bench.payment_status(key)


async def test_a_slow_gateway_is_an_outage_that_the_retry_settles(bench: Bench) -> None:
    """The charge is committed while the client runs out of patience."""
    key = a_key()
    impatient = HttpGateway(bench.gateway_url, timeout_seconds=0.1)
    with pytest.raises(GatewayOutageError, match="Timeout"):
        await bench.payments(impatient).process(key, a_payment(token="tok_slow"))
    await impatient.close()

    assert 4200 == (await bench.payments().process(key, a_payment(token="tok_slow"))).amount_cents
    assert (4200, 0) == await bench.captured_and_refunded(key)


async def test_a_gateway_that_is_away_is_an_outage(bench: Bench) -> None:
    """Nothing listens: the step stays pending and a later attempt gets it done."""
    key = a_key()
    away = HttpGateway("http://127.0.0.1:1", timeout_seconds=5)
    with pytest.raises(GatewayOutageError):
        await bench.payments(away).process(key, a_payment())
    with pytest.raises(GatewayOutageError):
        await bench.payments(away).give_back(a_key())
    await away.close()

    assert 4200 == (await bench.payments().process(key, a_payment())).amount_cents


@pytest.mark.parametrize("hooked", [dies_before, dies_after])
async def test_a_crash_around_the_charge_is_settled_by_the_next_attempt(bench: Bench, hooked: Hooking) -> None:
    """The process dies between its record and the gateway: the retry charges once in all."""
    key = a_key()
    with pytest.raises(ProcessDiedError):
        await bench.payments(hooked(bench.gateway)).process(key, a_payment())
    assert "pending" == await bench.state(key)

    assert 4200 == (await bench.payments().process(key, a_payment())).amount_cents
    assert (4200, 0) == await bench.captured_and_refunded(key)


@pytest.mark.parametrize(("hooked", "charged_cents"), [(dies_before, 0), (dies_after, 4200)])
async def test_a_crash_around_the_charge_is_settled_by_the_undo(
    bench: Bench, hooked: Hooking, charged_cents: int
) -> None:
    """Whether the gateway had charged or not, nothing is kept, and a late do is refused."""
    key = a_key()
    with pytest.raises(ProcessDiedError):
        await bench.payments(hooked(bench.gateway)).process(key, a_payment())

    assert given_back(charged_cents) == await bench.payments().give_back(key)
    assert (charged_cents, charged_cents) == await bench.captured_and_refunded(key)
    with pytest.raises(Refused):
        await bench.payments().process(key, a_payment())


@pytest.mark.parametrize("hooked", [dies_before, dies_after])
@pytest.mark.parametrize("before", ["nothing", "done", "lost"])
async def test_a_crash_in_the_undo_is_settled_by_its_next_attempt(bench: Bench, hooked: Hooking, before: str) -> None:
    """From the first attempt on no do gets through; the second gives back what there is, once."""
    key, charged_cents = a_key(), 0
    if before == "done":
        charged_cents = (await bench.payments().process(key, a_payment())).amount_cents
    if before == "lost":
        charged_cents = 4200
        with pytest.raises(GatewayOutageError):
            await bench.payments().process(key, a_payment(token="tok_lost"))
    with pytest.raises(ProcessDiedError):
        await bench.payments(hooked(bench.gateway)).give_back(key)
    assert "undoing" == await bench.state(key)
    with pytest.raises(Refused):
        await bench.payments().process(key, a_payment())

    assert given_back(charged_cents) == await bench.payments().give_back(key)
    assert (charged_cents, charged_cents) == await bench.captured_and_refunded(key)


async def test_an_injected_refusal_never_hides_a_pending_charge(bench: Bench) -> None:
    """A refusal says that nothing happened; while that isn't known, it is an outage."""
    key = a_key()
    with pytest.raises(GatewayOutageError):
        await bench.payments().process(key, a_payment(token="tok_lost"))
    with pytest.raises(StillPendingError):
        await Fence(bench.database).refuse(key, PaymentProcessed, "injected")

    assert 4200 == (await bench.payments().process(key, a_payment(token="tok_lost"))).amount_cents
