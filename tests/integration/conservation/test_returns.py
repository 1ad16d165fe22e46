"""A refund after completion is a violation until it is recorded, and a record explains exactly its own amount."""

import asyncio

import pytest

from tests.integration.conservation.world import audit, execute

REPLICA = "SET session_replication_role = replica; "
"""Triggers would turn some of this away, as they should."""


def given_back(amount: int, kind: str = "refund", order_id: str = "done") -> str:
    return f"""
        INSERT INTO order_service.returns (return_id, order_id, idempotency_key, request_hash, kind, amount_cents,
            currency, recorded_by, note) VALUES ('{kind}-{amount}', '{order_id}', '{kind}-{amount}', 'h', '{kind}',
            {amount}, 'EUR', 'ann', '');
        UPDATE order_service.orders SET returned_cents = returned_cents + {amount} WHERE order_id = '{order_id}';
    """


def refunded(amount: int) -> str:
    return f"UPDATE payment_gateway.charges SET refunded_cents = {amount} WHERE reference = 'done';"


def broken(copy: str, *statements: str) -> set[str]:
    asyncio.run(execute(copy, REPLICA + "".join(statements)))
    return {one.rule for one in asyncio.run(audit(copy)).violations}


def test_an_unrecorded_refund_is_a_violation(copy: str) -> None:
    assert broken(copy, refunded(300)) == {"gateway_agrees_with_orders", "ledger_agrees_with_gateway"}


@pytest.mark.parametrize("kind", ["refund", "chargeback", "return"])
def test_its_record_explains_it(copy: str, kind: str) -> None:
    """Whatever it is called: what the gateway's books show."""
    assert broken(copy, refunded(300), given_back(300, kind)) == set()


@pytest.mark.parametrize("kind", ["chargeback", "return"])
def test_what_went_past_the_gateway_is_explained_as_well(copy: str, kind: str) -> None:
    """A bank that takes its money back tells the shop, and not every gateway."""
    assert broken(copy, given_back(300, kind)) == set()


def test_parts_are_added_up(copy: str) -> None:
    assert broken(copy, refunded(500), given_back(200), given_back(300), given_back(100, "chargeback")) == set()


@pytest.mark.parametrize(
    "statements",
    [
        (refunded(301), given_back(300)),
        (given_back(300),),
        (refunded(299), given_back(300)),
        (refunded(500), given_back(200), given_back(200, "return")),
    ],
    ids=["a cent more", "no refund at all", "a cent less", "more than is recorded"],
)
def test_a_record_excuses_nothing_else(copy: str, statements: tuple[str, ...]) -> None:
    """What isn't explained to the cent stays a violation."""
    assert broken(copy, *statements) == {"gateway_agrees_with_orders", "ledger_agrees_with_gateway"}


def test_of_an_undone_order_nothing_is_given_back(copy: str) -> None:
    assert "returns_are_of_completed_orders" in broken(copy, given_back(300, order_id="undone"))


def test_the_sums_tell_it(copy: str) -> None:
    asyncio.run(execute(copy, REPLICA + refunded(300) + given_back(300)))

    report = asyncio.run(audit(copy))

    assert report.returned_cents == {"EUR": 300}
    assert report.holds
