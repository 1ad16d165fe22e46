"""What a payment and its refund promise when nothing fails."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.payment import ProcessPayment
from tests.integration.payment.bench import Bench, a_key, a_payment, given_back

pytestmark = pytest.mark.integration


async def test_a_payment_is_charged_and_posted_once(bench: Bench) -> None:
    """Repeats, one after another and in parallel, return the first answer."""
    key, payments = a_key(), bench.payments()
    first = await payments.process(key, a_payment(4200))
    repeats = await asyncio.gather(*(payments.process(key, a_payment(4200)) for _ in range(10)))

    assert 4200 == first.amount_cents
    assert [first] * 10 == repeats
    assert (4200, 0) == await bench.captured_and_refunded(key)
    assert "captured" == await bench.payment_status(key)


async def test_parallel_duplicates_are_one_charge(bench: Bench) -> None:
    """All duplicates of a do that is in flight settle on one charge and one answer."""
    key, payments = a_key(), bench.payments()
    answers = await asyncio.gather(*(payments.process(key, a_payment()) for _ in range(20)))

    assert 1 == len(set(answers))
    assert (4200, 0) == await bench.captured_and_refunded(key)


async def test_a_declined_card_is_refused_for_good(bench: Bench) -> None:
    """The refusal names what to do, is remembered, and keeps nothing."""
    key, payments = a_key(), bench.payments()
    for _ in range(2):
        with pytest.raises(Refused, match="the card was declined: use another card"):
            await payments.process(key, a_payment(token="tok_declined"))

    assert "refused" == await bench.state(key)
    assert "refused" == await bench.payment_status(key)


@pytest.mark.parametrize(
    "payment", [a_payment(token="tok_typo"), a_payment(amount_cents=0), a_payment(currency="DOUBLOONS")]
)
async def test_a_payment_that_makes_no_sense_is_refused(bench: Bench, payment: ProcessPayment) -> None:
    """What the gateway will never take is a refusal, not an outage."""
    with pytest.raises(Refused, match="the payment can't be taken"):
        await bench.payments().process(a_key(), payment)


async def test_a_refund_gives_everything_back_once(bench: Bench) -> None:
    """The undo of a done payment; its repeats return the first answer, and a late do is refused."""
    key, payments = a_key(), bench.payments()
    await payments.process(key, a_payment(4200))
    refunds = await asyncio.gather(*(payments.give_back(key) for _ in range(10)))

    assert [given_back(4200)] * 10 == refunds
    assert (4200, 4200) == await bench.captured_and_refunded(key)
    assert "refunded" == await bench.payment_status(key)
    with pytest.raises(Refused, match="undone before it arrived"):
        await payments.process(key, a_payment(4200))


async def test_a_refund_before_its_payment_keeps_it_out(bench: Bench) -> None:
    """A tombstone, here and at the gateway: the late do is refused and the gateway never charges."""
    key, payments = a_key(), bench.payments()
    refunded = await payments.give_back(key)
    with pytest.raises(Refused, match="undone before it arrived"):
        await payments.process(key, a_payment())

    assert given_back(0) == refunded == await payments.give_back(key)
    assert (0, 0) == await bench.captured_and_refunded(key)
    assert "undone" == await bench.state(key)


async def test_the_undo_of_a_refused_payment_gives_back_nothing(bench: Bench) -> None:
    """The saga never asks for it; if a person does, it is remembered."""
    key, payments = a_key(), bench.payments()
    with pytest.raises(Refused):
        await payments.process(key, a_payment(token="tok_declined"))

    assert given_back(0) == await payments.give_back(key)
    assert "undone" == await bench.state(key)


async def test_steps_of_one_saga_are_apart(bench: Bench) -> None:
    """The key is saga and step: undoing one payment leaves the saga's other one alone."""
    key, payments = a_key(), bench.payments()
    other = StepKey(key.saga_id, "process_payment_2")
    await payments.process(key, a_payment(100))
    await payments.process(other, a_payment(200))
    await payments.give_back(key)

    assert (100, 100) == await bench.captured_and_refunded(key)
    assert (200, 0) == await bench.captured_and_refunded(other)


COLUMNS = "(transaction_id, saga_id, step, kind, account, amount_cents, currency)"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount_cents = amount_cents + 1",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        f"INSERT INTO ledger_entries {COLUMNS} VALUES ('t', 's', 's', 'charge', 'gateway_clearing', 1, 'EUR')",
        (
            f"INSERT INTO ledger_entries {COLUMNS} VALUES ('t', 's', 's', 'charge', 'gateway_clearing', 1, 'EUR'), "
            "('t', 's', 's', 'charge', 'customer_orders', -1, 'USD')"
        ),
    ],
    ids=["update", "delete", "truncate", "one-sided", "two currencies"],
)
async def test_the_database_guards_the_ledger(bench: Bench, statement: str) -> None:
    """The ledger stays balanced and append-only, whoever writes."""
    await bench.payments().process(a_key(), a_payment())
    with pytest.raises(IntegrityError, match=r"append-only|does not balance"):
        async with bench.database.begin() as tx:
            await tx.execute(text(statement))
