"""The gateway was changed by hand, or contradicts itself: nothing is kept that the shop can't vouch for."""

import asyncio

import pytest

from payment_service.gateway import GatewayOutageError
from shared.participant.errors import Refused
from shared.shop.gateway import Charge, ChargeState, Reversal
from shared.shop.payment import ProcessPayment
from tests.integration.payment.bench import Bench, GatewayClient, a_key, a_payment, given_back
from tests.integration.payment.hooked import Hold, Hooked, ProcessDiedError

pytestmark = pytest.mark.integration


class Contradicting(Hooked):
    """Knows of no charge and refuses to make one."""

    async def look_up(self, key: str) -> ChargeState | None:
        del key
        return None

    async def charge(self, key: str, reference: str, payment: ProcessPayment) -> Charge:
        del key, reference, payment
        raise Refused("no")


class Away(Hooked):
    """Doesn't answer."""

    async def charge(self, key: str, reference: str, payment: ProcessPayment) -> Charge:
        del key, reference, payment
        raise GatewayOutageError("away")


class DiesInVoid(Hooked):
    """The process is dead before the gateway is asked to close the key."""

    async def void(self, key: str) -> Reversal:
        del key
        raise ProcessDiedError


class KeepsMoney(Hooked):
    """Says that it refunded nothing."""

    async def refund(self, key: str, charge_id: str) -> int:
        del key, charge_id
        return 0


async def test_a_key_voided_by_hand_refuses_the_payment(bench: Bench) -> None:
    """Someone at the gateway voided a charge whose reply was lost: nothing is kept, and the ledger shows it."""
    key, payments = a_key(), bench.payments()
    with pytest.raises(GatewayOutageError):
        await payments.process(key, a_payment(token="tok_lost"))
    await bench.gateway.void(str(key))
    with pytest.raises(Refused, match="taken back at the gateway"):
        await payments.process(key, a_payment(token="tok_lost"))

    assert "undone" == await bench.state(key)
    assert given_back(4200) == await payments.give_back(key)


@pytest.mark.parametrize("amount_cents", [1000, None], ids=["a part", "all"])
async def test_giving_back_that_was_cut_short_goes_on_before_the_payment_is_refused(
    bench: Bench, client_of_bench: GatewayClient, amount_cents: int | None
) -> None:
    """The saga undoes no refused step: as long as the gateway may keep money, the do is no refusal but an outage."""
    key = a_key()
    with pytest.raises(GatewayOutageError):
        await bench.payments().process(key, a_payment(4200, token="tok_lost"))
    charge = await bench.gateway.look_up(str(key))
    assert charge is not None
    await client_of_bench.refund("by-hand", charge_id=charge.charge_id, amount_cents=amount_cents)
    with pytest.raises(ProcessDiedError):
        await bench.payments(DiesInVoid(bench.gateway)).process(key, a_payment(4200, token="tok_lost"))

    with pytest.raises(Refused, match="taken back at the gateway"):
        await bench.payments().process(key, a_payment(4200, token="tok_lost"))

    assert (4200, 4200) == await bench.captured_and_refunded(key)
    assert "undone" == await bench.state(key)
    await bench.assert_books_agree()


@pytest.mark.parametrize("amount_cents", [1000, None])
async def test_a_charge_refunded_by_hand_is_refunded_in_all_once(
    bench: Bench, client_of_bench: GatewayClient, amount_cents: int | None
) -> None:
    """Whatever someone gave back at the gateway, the undo gives back the rest, and the ledger has the whole."""
    key, payments = a_key(), bench.payments()
    await payments.process(key, a_payment(4200))
    charge = await bench.gateway.look_up(str(key))
    assert charge is not None
    await client_of_bench.refund("by-hand", charge_id=charge.charge_id, amount_cents=amount_cents)

    assert given_back(4200) == await payments.give_back(key)
    assert (4200, 4200) == await bench.captured_and_refunded(key)


async def test_a_goodwill_refund_does_not_undo_a_payment_that_is_done(
    bench: Bench, client_of_bench: GatewayClient
) -> None:
    """A late duplicate that sees a part given back by hand leaves the recorded payment alone."""
    key, hold = a_key(), Hold()
    with pytest.raises(GatewayOutageError):
        await bench.payments().process(key, a_payment(token="tok_lost"))
    duplicate = asyncio.create_task(
        bench.payments(Hooked(bench.gateway, before=hold)).process(key, a_payment(token="tok_lost"))
    )
    await hold.reached()
    first = await bench.payments().process(key, a_payment(token="tok_lost"))
    charge = await bench.gateway.look_up(str(key))
    assert charge is not None
    await client_of_bench.refund("goodwill", charge_id=charge.charge_id, amount_cents=1000)
    hold.let_go()

    assert first == await duplicate
    assert (4200, 1000) == await bench.captured_and_refunded(key)
    await bench.payments().give_back(key)


@pytest.mark.parametrize(
    ("amount_cents", "currency", "says"),
    [(1, "EUR", "0.01 EUR"), (4200, "JPY", "4,200 JPY"), (4201, "EUR", "42.01 EUR")],
)
async def test_a_charge_that_is_not_what_was_asked_for_pays_nothing_and_is_given_back(
    bench: Bench, client_of_bench: GatewayClient, amount_cents: int, currency: str, says: str
) -> None:
    """Whoever made it, a partial approval or a stranger who knew the key: no attempt takes it for the payment."""
    key, payments = a_key(), bench.payments()
    with pytest.raises(GatewayOutageError):
        await bench.payments(Away(bench.gateway)).process(key, a_payment(4200))
    await client_of_bench.charge(str(key), amount_cents=amount_cents, currency=currency, reference=key.saga_id)

    for _ in range(2):
        with pytest.raises(GatewayOutageError, match=f"it charged {says}, but 42.00 EUR was asked for"):
            await payments.process(key, a_payment(4200))
    undone = await payments.give_back(key)

    assert (undone.refunded_cents, undone.currency) == (amount_cents, currency)
    assert (amount_cents, amount_cents) == await bench.captured_and_refunded(key)


async def test_a_charge_after_a_refusal_is_given_back(bench: Bench) -> None:
    """If the gateway contradicts itself, the saga's answer was that nothing is kept, and so it is."""
    key, hold = a_key(), Hold()
    charging = asyncio.create_task(bench.payments(Hooked(bench.gateway, after=hold)).process(key, a_payment()))
    await hold.reached()
    with pytest.raises(Refused):
        await bench.payments(Contradicting(bench.gateway)).process(key, a_payment())
    hold.let_go()
    with pytest.raises(Refused):
        await charging

    assert (4200, 4200) == await bench.captured_and_refunded(key)


async def test_a_gateway_that_keeps_money_is_an_outage(bench: Bench) -> None:
    """The undo isn't done before everything is back."""
    key = a_key()
    await bench.payments().process(key, a_payment())
    with pytest.raises(GatewayOutageError, match="still holds 4200 cents"):
        await bench.payments(KeepsMoney(bench.gateway)).give_back(key)

    assert given_back(4200) == await bench.payments().give_back(key)
