"""An undo that comes while its charge is still under way."""

import asyncio

import pytest

from shared.participant.errors import Refused
from tests.integration.payment.bench import Bench, a_key, a_payment, given_back
from tests.integration.payment.hooked import Hold, Hooked, ProcessDiedError, dies_before
from tests.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("place", "charged_cents"), [("before", 0), ("after", 4200)])
async def test_an_undo_overtakes_a_charge_in_flight(bench: Bench, place: str, charged_cents: int) -> None:
    """On its way to the gateway it finds its key closed; on its way back it has been given back."""
    key, hold = a_key(), Hold()
    held = Hooked(bench.gateway, before=hold) if place == "before" else Hooked(bench.gateway, after=hold)
    late = asyncio.create_task(bench.payments(held).process(key, a_payment()))
    await hold.reached()
    refunded = await bench.payments().give_back(key)
    hold.let_go()
    with pytest.raises(Refused):
        await late

    assert given_back(charged_cents) == refunded == await bench.payments().give_back(key)
    assert (charged_cents, charged_cents) == await bench.captured_and_refunded(key)
    assert "undone" == await bench.state(key)


async def test_an_undo_overtakes_a_slow_charge_at_the_gateway(bench: Bench) -> None:
    """`tok_slow` has committed and not answered yet: the undo gives it back, and the answer comes too late."""
    key = a_key()
    late = asyncio.create_task(bench.payments().process(key, a_payment(token="tok_slow")))

    async def committed() -> bool:
        return await bench.captured_and_refunded(key) == (4200, 0)

    await eventually(committed)
    refunded = await bench.payments().give_back(key)
    with pytest.raises(Refused, match="undone before it arrived"):
        await late

    assert given_back(4200) == refunded
    assert (4200, 4200) == await bench.captured_and_refunded(key)


async def test_an_undo_that_died_leaves_a_late_charge_to_its_next_attempt(bench: Bench) -> None:
    """The undo has begun and never reached the gateway when the charge comes through: Refused, and given back."""
    key, hold = a_key(), Hold()
    late = asyncio.create_task(bench.payments(Hooked(bench.gateway, before=hold)).process(key, a_payment()))
    await hold.reached()
    with pytest.raises(ProcessDiedError):
        await bench.payments(dies_before(bench.gateway)).give_back(key)
    hold.let_go()
    with pytest.raises(Refused):
        await late

    assert (4200, 0) == await bench.captured_and_refunded(key)
    assert given_back(4200) == await bench.payments().give_back(key)
