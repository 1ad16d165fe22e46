"""What the payment-service publishes: what the ledger says, once, whatever is repeated, lost or late."""

import asyncio

import pytest

from payment_service.gateway import GatewayOutageError
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from tests.integration.outbox import data_of, published
from tests.integration.payment.bench import Bench, a_decision, a_key, a_payment, query
from tests.integration.payment.hooked import ProcessDiedError, dies_after, dies_before

pytestmark = pytest.mark.integration

PROCESSED = ("payment.processed", 1)
REFUNDED = ("payment.refunded", 2)


async def test_do_and_undo_are_published_once(bench: Bench) -> None:
    """Repeats, one after another and side by side, publish nothing more."""
    key, payments = a_key(), bench.payments()
    charged = await payments.process(key, a_payment(4200))
    await asyncio.gather(*(payments.process(key, a_payment(4200)) for _ in range(10)))
    assert await published(bench.database, key.saga_id) == [PROCESSED]

    await asyncio.gather(*(payments.give_back(key) for _ in range(10)))

    assert await published(bench.database, key.saga_id) == [PROCESSED, REFUNDED]
    payment = {
        "order_id": key.saga_id,
        "payment_id": charged.payment_id,
        "amount_cents": 4200,
        "currency": "EUR",
    }
    assert await data_of(bench.database, key.saga_id) == [payment, payment]


async def test_nothing_charged_is_nothing_published(bench: Bench) -> None:
    """A declined card, a tombstone, and a process that died before it asked the gateway."""
    declined, early, died = a_key(), a_key(), a_key()
    with pytest.raises(Refused):
        await bench.payments().process(declined, a_payment(token="tok_declined"))
    await bench.payments().give_back(early)
    with pytest.raises(ProcessDiedError):
        await bench.payments(dies_before(bench.gateway)).process(died, a_payment())
    await bench.payments().give_back(died)

    for key in (declined, early, died):
        assert await published(bench.database, key.saga_id) == []


async def test_a_charge_that_got_lost_is_published_with_its_refund(bench: Bench) -> None:
    """The process died after the gateway charged: the undo is the first to find it, as the ledger does."""
    key = a_key()
    with pytest.raises(ProcessDiedError):
        await bench.payments(dies_after(bench.gateway)).process(key, a_payment(4200))
    assert await published(bench.database, key.saga_id) == []

    await bench.payments().give_back(key)

    assert await published(bench.database, key.saga_id) == [PROCESSED, REFUNDED]
    assert [one["amount_cents"] for one in await data_of(bench.database, key.saga_id)] == [4200, 4200]


async def test_a_death_before_the_record_publishes_when_it_is_settled(bench: Bench) -> None:
    """The next attempt at the do finds the charge, and publishes it once."""
    key = a_key()
    with pytest.raises(ProcessDiedError):
        await bench.payments(dies_after(bench.gateway)).process(key, a_payment(4200))

    await bench.payments().process(key, a_payment(4200))

    assert await published(bench.database, key.saga_id) == [PROCESSED]


async def test_an_undo_that_dies_publishes_once(bench: Bench) -> None:
    """The gateway gave the money back, and the process died before it could say so."""
    key = a_key()
    await bench.payments().process(key, a_payment(4200))
    with pytest.raises((ProcessDiedError, GatewayOutageError)):
        await bench.payments(dies_after(bench.gateway)).give_back(key)

    await bench.payments().give_back(key)

    assert await published(bench.database, key.saga_id) == [PROCESSED, REFUNDED]


async def test_money_that_a_person_settles_was_not_refunded(bench: Bench) -> None:
    key = a_key()
    await bench.payments().process(key, a_payment(4200))

    await bench.payments().give_back(key, a_decision())

    assert await published(bench.database, key.saga_id) == [PROCESSED]


async def test_every_posting_has_its_event(bench: Bench) -> None:
    """Charges and refunds of the ledger, and no others."""
    keys = [a_key() for _ in range(20)]
    await asyncio.gather(
        *(bench.payments().process(key, a_payment()) for key in keys),
        *(bench.payments().give_back(key) for key in keys[::2]),
        return_exceptions=True,
    )

    for key in keys:
        assert await published(bench.database, key.saga_id) == await _posted(bench, key)
    # Nobody undid these.
    assert {(PROCESSED,)} == {tuple(await published(bench.database, key.saga_id)) for key in keys[1::2]}


async def _posted(bench: Bench, key: StepKey) -> list[tuple[str, int]]:
    event_of = {"charge": PROCESSED, "refund": REFUNDED}
    statement = "SELECT DISTINCT kind FROM ledger_entries WHERE saga_id = :saga_id AND amount_cents <> 0 ORDER BY kind"
    return [event_of[kind] for (kind,) in await query(bench.database, statement, saga_id=key.saga_id)]
