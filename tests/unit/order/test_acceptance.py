"""Acceptance: once per key, at a price, or not at all."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest

from order_service.acceptance import Acceptance, Accepted, OrderBody, Terms
from order_service.api.problems import STATUSES
from order_service.approval.terms import FraudTerms
from shared.shop.approval import FraudCheck, WhenAway
from shared.shop.countries import SERVED
from shared.shop.inference import RunMlInference
from shared.web.requests import RequestRefusedError, request_hash
from tests.unit.order.fakes import MUG, TEA, FakeCatalogue, FakeOrders, FakeStarter, a_body

pytestmark = pytest.mark.unit

FAULT = {"activity": "process_payment", "mode": "refuse"}


class Shop:
    """Acceptance with all its fakes."""

    def __init__(
        self,
        *,
        allows_faults: bool = True,
        inventory_away: bool = False,
        mail_takes_utf8: bool = False,
        fraud: FraudTerms | None = None,
        orders: FakeOrders | None = None,
    ) -> None:
        self.orders = orders or FakeOrders()
        self.catalogue = FakeCatalogue(away=inventory_away)
        self.starter = FakeStarter()
        self._acceptance = Acceptance(
            self.orders,
            self.catalogue,
            self.starter,
            Terms(300, 1800, allows_faults, SERVED, mail_takes_utf8=mail_takes_utf8, fraud=fraud),
        )

    async def accept(self, body: OrderBody, key: str = "key-1") -> str:
        return (await self.accepted(body, key)).order_id

    async def accepted(self, body: OrderBody, key: str = "key-1") -> Accepted:
        return await self._acceptance.accept(key, body)

    async def refusal(self, body: OrderBody, key: str = "key-1") -> RequestRefusedError:
        rows, started = dict(self.orders.rows), list(self.starter.started)
        with pytest.raises(RequestRefusedError) as caught:
            await self.accept(body, key)
        assert (self.orders.rows, self.starter.started) == (rows, started), "a refusal writes and starts nothing"
        return caught.value


async def test_an_order_is_priced_stored_and_started() -> None:
    """The row holds all that the workflow needs, and the workflow gets the same order."""
    shop = Shop()

    order_id = await shop.accept(a_body())

    row, (started,) = shop.orders.rows[order_id], shop.starter.started
    assert (row.total_cents, row.currency) == (2100, "EUR")
    assert row.lines == [
        {"sku": "TEA", "name": "Tea", "quantity": 2, "unit_price_cents": 450},
        {"sku": "MUG", "name": "Mug", "quantity": 1, "unit_price_cents": 1200},
    ]
    assert row.placed == started.model_dump(mode="json", exclude={"run_id"})
    assert started.order_id == order_id


async def test_the_same_key_and_body_get_the_same_order() -> None:
    """A client that lost the answer asks again and has one order, whose workflow was started once."""
    shop = Shop()

    assert await shop.accept(a_body()) == await shop.accept(a_body())
    assert len(shop.orders.rows) == len(shop.starter.started) == 1


async def test_a_repeat_needs_no_inventory() -> None:
    """The same answer for good: also while the inventory is away, and after prices have changed."""
    shop = Shop()
    first = await shop.accept(a_body())
    shop.catalogue.away = True

    assert await shop.accept(a_body()) == first


async def test_another_key_is_another_order() -> None:
    """Two equal orders are two orders, if the customer says so."""
    shop = Shop()

    assert await shop.accept(a_body(), "key-1") != await shop.accept(a_body(), "key-2")
    assert len(shop.starter.started) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [{"sku": "TEA", "quantity": 3}]},
        {"payment": {"token": "tok_slow"}},
        {"customer": {"email": "bob@example.org", "user_id": "bob"}},
        {"faults": [FAULT]},
    ],
    ids=["lines", "payment", "customer", "faults"],
)
async def test_the_same_key_with_another_body_is_a_conflict(change: dict[str, Any]) -> None:
    """A reused key is a client's mistake; taking it for a repeat would lose an order."""
    shop = Shop()
    await shop.accept(a_body())

    problem = await shop.refusal(a_body(**change))

    assert STATUSES[type(problem)] == HTTPStatus.CONFLICT
    assert "Idempotency-Key" in str(problem)


async def test_the_loser_of_a_race_gets_the_winners_order() -> None:
    """Two requests with one key at the same moment: both get the one order that was stored."""
    winner, loser = Shop(), Shop()
    order_id = await winner.accept(a_body())
    loser.orders.rival = vars(winner.orders.rows[order_id])

    assert await loser.accept(a_body()) == order_id
    assert loser.starter.started == []


async def test_an_unknown_sku_is_named() -> None:
    """The sentence names every SKU that there is none of."""
    problem = await Shop().refusal(a_body(lines=[{"sku": sku, "quantity": 1} for sku in ("NOPE", "TEA", "NADA")]))

    assert STATUSES[type(problem)] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "NADA, NOPE;" in str(problem)


async def test_an_order_has_one_currency() -> None:
    """Cents of two currencies can't be added."""
    problem = await Shop().refusal(a_body(lines=[{"sku": "TEA", "quantity": 1}, {"sku": "PEN", "quantity": 1}]))

    assert STATUSES[type(problem)] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "EUR, USD" in str(problem)


async def test_a_total_above_the_limit_is_refused() -> None:
    """No total comes near the end of the database's integers."""
    problem = await Shop().refusal(a_body(lines=[{"sku": "YACHT", "quantity": 10_000}]))

    assert STATUSES[type(problem)] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "above the limit" in str(problem)


async def test_lines_of_one_sku_are_merged() -> None:
    """The stock of a product is reserved once per order, for the sum."""
    shop = Shop()
    lines = [{"sku": "TEA", "quantity": 2}, {"sku": "MUG", "quantity": 1}, {"sku": "TEA", "quantity": 3}]

    order_id = await shop.accept(a_body(lines=lines))

    assert [(line.sku, line.quantity) for line in shop.starter.started[0].lines] == [("TEA", 5), ("MUG", 1)]
    assert shop.orders.rows[order_id].total_cents == 5 * 450 + 1200


async def test_production_takes_no_fault_plan() -> None:
    """Nobody breaks a real shop by a field of an order."""
    problem = await Shop(allows_faults=False).refusal(a_body(faults=[FAULT]))

    assert STATUSES[type(problem)] == HTTPStatus.FORBIDDEN
    assert "shop up --demo" in str(problem)


async def test_a_repeat_with_a_fault_plan_gets_its_order_also_in_production() -> None:
    """The same answer for good: also after the shop was started again in another mode."""
    demo = Shop()
    first = await demo.accept(a_body(faults=[FAULT]))
    production = Shop(allows_faults=False, orders=demo.orders)

    assert await production.accept(a_body(faults=[FAULT])) == first


async def test_production_takes_an_empty_fault_plan() -> None:
    """No faults are no faults."""
    shop = Shop(allows_faults=False)

    await shop.accept(a_body(faults=[]))

    assert len(shop.starter.started) == 1


async def test_a_fault_of_an_unknown_activity_is_refused() -> None:
    """A mistyped fault would otherwise strike nothing, silently; the sentence lists what there is."""
    problem = await Shop().refusal(a_body(faults=[{"activity": "procces_payment", "mode": "fail"}]))

    assert STATUSES[type(problem)] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "procces_payment" in str(problem)
    assert "refund_payment" in str(problem)


async def test_a_fault_plan_reaches_the_workflow() -> None:
    """The order carries its faults, so that they strike this order only."""
    shop = Shop()

    await shop.accept(a_body(faults=[FAULT]))

    assert [fault.activity for fault in shop.starter.started[0].faults] == ["process_payment"]


async def test_orders_are_not_checked_for_fraud_unless_the_shop_says_so() -> None:
    """Nothing is counted, and the workflow asks nobody: the core needs no task system."""
    shop = Shop()

    await shop.accept(a_body())

    assert shop.starter.started[0].fraud_check is None
    assert shop.orders.counted == []


async def test_an_order_is_stamped_with_its_fraud_check() -> None:
    """All that its way depends on travels with it: what is set or counted later changes no order under way."""
    shop = Shop(fraud=FraudTerms(threshold=0.7, approval_seconds=3600, when_away=WhenAway.HOLD))
    shop.orders.last_day = 4

    await shop.accept(a_body(deadline_seconds=60))

    facts = RunMlInference(
        total_cents=2100,
        currency="EUR",
        units=3,
        distinct_skus=2,
        country="GB",
        email="ada@example.org",
        orders_last_day=4,
    )
    assert shop.orders.counted == ["ada"]
    assert shop.starter.started[0].fraud_check == FraudCheck(
        threshold=0.7,
        patience_seconds=5,
        approval_seconds=3600,
        deadline_seconds=60,
        when_away=WhenAway.HOLD,
        facts=facts,
    )


async def test_an_inventory_that_is_away_is_a_reason_to_try_again() -> None:
    """503, and nothing stored; `test_problems.py` has the time to wait."""
    problem = await Shop(inventory_away=True).refusal(a_body())

    assert STATUSES[type(problem)] == HTTPStatus.SERVICE_UNAVAILABLE


async def test_what_the_customer_has_seen_is_what_it_costs_or_it_is_no_order() -> None:
    """Between seeing and paying the price has changed: another amount is never charged."""
    shop = Shop()
    accepted = await shop.accepted(a_body(expected_total_cents=2100))
    assert (accepted.total_cents, accepted.currency) == (2100, "EUR")

    problem = await shop.refusal(a_body(expected_total_cents=2000), key="key-2")

    assert STATUSES[type(problem)] == HTTPStatus.CONFLICT
    assert "costs 21.00 EUR and not 20.00 EUR" in str(problem)


async def test_a_newer_price_than_is_known_here_is_fetched_before_anybody_is_turned_away() -> None:
    """Products are shown by the inventory-service, and its changes arrive a moment later."""
    shop = Shop()
    shop.catalogue.newer = (replace(TEA, price_cents=400),)

    accepted = await shop.accepted(a_body(expected_total_cents=2000))

    assert accepted.total_cents == 2000


async def test_a_repeat_is_answered_as_the_first_time_whatever_it_costs_now() -> None:
    shop = Shop()
    first = await shop.accepted(a_body(expected_total_cents=2100))
    shop.catalogue.products = (replace(TEA, price_cents=9900), MUG)

    assert await shop.accepted(a_body(expected_total_cents=2100)) == first


async def test_two_lines_of_one_sku_obey_the_limit_of_one() -> None:
    lines = [{"sku": "TEA", "quantity": 10_000}, {"sku": "TEA", "quantity": 1}]

    problem = await Shop().refusal(a_body(lines=lines))

    assert STATUSES[type(problem)] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "at most 10000 of one SKU" in str(problem)
    assert "TEA" in str(problem)


@pytest.mark.parametrize("record", ["close_order", "hold_order", "conclude_approval"])
async def test_a_record_can_not_be_planned_to_refuse(record: str) -> None:
    """What only records the saga's decisions never says no, so such a plan is turned away instead of ignored."""
    fault = {"activity": record, "mode": "refuse"}

    problem = await Shop().refusal(a_body(faults=[fault]))

    assert STATUSES[type(problem)] == HTTPStatus.UNPROCESSABLE_ENTITY
    assert record in str(problem)


UNMAILABLE = ["ada@b_cher.example", '"ada"@example.org', "ada.@example.org", "Ada<ada@x.org>", "ada@example.org."]


def _body_of(email: str) -> OrderBody:
    return a_body(customer={"email": email, "user_id": "ada"})


@pytest.mark.parametrize("email", UNMAILABLE)
async def test_an_address_that_no_mail_reaches_is_refused(email: str) -> None:
    """Before anything is charged, with the address and what to give instead."""
    refusal = await Shop().refusal(_body_of(email))

    assert STATUSES[type(refusal)] is HTTPStatus.UNPROCESSABLE_ENTITY
    assert str(refusal).startswith(f"customer.email: {email!a} is no address")


@pytest.mark.parametrize("email", UNMAILABLE)
async def test_a_repeat_comes_before_the_rules_of_today(email: str) -> None:
    """What was accepted under yesterday's rules gets its answer for good."""
    shop = Shop()
    accepted = await shop.accept(_body_of("ada@example.org"))
    shop.orders.rows[accepted].request_hash = request_hash(_body_of(email))

    assert await shop.accept(_body_of(email)) == accepted
