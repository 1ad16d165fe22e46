"""The gateway's own promises, over HTTP."""

import asyncio
from functools import partial

import aiohttp
import pytest

from tests.integration.conftest import ServiceDatabase
from tests.integration.payment.bench import GatewayClient, running_gateway
from tests.integration.turns import in_turn

pytestmark = pytest.mark.integration


async def test_a_charge_answers_the_same_for_good(client: GatewayClient) -> None:
    """A repeat returns the first charge, also after it was refunded."""
    first = await client.charge("key-1")
    await client.refund("refund-1", charge_id=first.body["charge_id"])
    repeat = await client.charge("key-1")

    assert 201 == first.status
    assert {"amount_cents": 1000, "currency": "EUR", "status": "succeeded"} == {
        name: value for name, value in first.body.items() if name != "charge_id"
    }
    assert (200, first.body) == (repeat.status, repeat.body)


async def test_fifty_parallel_charges_with_one_key_are_one_charge(client: GatewayClient) -> None:
    """Requests with one key wait for one another at its row."""
    answers = await asyncio.gather(*(client.charge("key-1") for _ in range(50)))

    assert [200] * 49 + [201] == sorted(answer.status for answer in answers)
    assert 1 == len({answer.body["charge_id"] for answer in answers})
    books = (await client.get("/v1/books")).body
    assert [{"currency": "EUR", "charges": 1, "captured_cents": 1000, "refunded_cents": 0, "net_cents": 1000}] == (
        books["sums"]
    )


@pytest.mark.parametrize(
    "changes", [{"amount_cents": 1001}, {"currency": "USD"}, {"token": "tok_declined"}, {"reference": "order-2"}]
)
async def test_a_key_can_not_be_used_for_another_charge(client: GatewayClient, changes: dict[str, object]) -> None:
    """Same key, other body: 409, and the first charge stays as it is."""
    first = await client.charge("key-1")
    other = await client.charge("key-1", **changes)

    assert (409, "key_reused") == (other.status, other.body["code"])
    assert first.body["charge_id"] == (await client.get("/v1/charges", key="key-1")).body["charge_id"]


async def test_a_declined_key_stays_declined(client: GatewayClient) -> None:
    """A decline is remembered and nothing is captured."""
    answers = [await client.charge("key-1", token="tok_declined") for _ in range(2)]

    assert [(402, "card_declined")] * 2 == [(answer.status, answer.body["code"]) for answer in answers]
    found = (await client.get("/v1/charges", key="key-1")).body
    assert ("declined", 0) == (found["status"], found["captured_cents"])


async def test_a_card_out_of_order_is_never_charged(client: GatewayClient) -> None:
    """`tok_error` fails before any effect."""
    answer = await client.charge("key-1", token="tok_error")

    assert (503, "out_of_order") == (answer.status, answer.body["code"])
    assert 404 == (await client.get("/v1/charges", key="key-1")).status


async def test_a_lost_reply_is_found_by_its_key(client: GatewayClient) -> None:
    """`tok_lost` breaks the connection after the charge is committed; a repeat is answered."""
    with pytest.raises(aiohttp.ClientError):
        await client.charge("key-1", token="tok_lost")

    found = await client.get("/v1/charges", key="key-1")
    repeat = await client.charge("key-1", token="tok_lost")
    assert ("succeeded", 1000) == (found.body["status"], found.body["captured_cents"])
    assert (200, found.body["charge_id"]) == (repeat.status, repeat.body["charge_id"])


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_cents": 0},
        {"amount_cents": -1},
        {"amount_cents": 10**13},
        {"amount_cents": 10.0},
        {"amount_cents": "10"},
        {"amount_cents": True},
        {"currency": "EURO"},
        {"currency": "eur"},
        {"currency": "XXX"},
        {"token": "tok_unknown"},
        {"reference": ""},
        {"reference": "nul\0"},
        {"note": "an unknown field"},
    ],
)
async def test_a_charge_that_makes_no_sense_is_refused(client: GatewayClient, changes: dict[str, object]) -> None:
    """422 with a sentence, and the key is still free."""
    answer = await client.charge("key-1", **changes)

    assert 422 == answer.status
    assert next(iter(changes)) in answer.body["detail"]
    assert 201 == (await client.charge("key-1")).status


@pytest.mark.parametrize("key", [None, "", "with space", "k" * 256])
async def test_a_change_needs_a_key(client: GatewayClient, key: str | None) -> None:
    """Without a usable Idempotency-Key nothing is charged or refunded."""
    assert 400 == (await client.charge(key)).status
    assert 400 == (await client.refund(key, charge_id="ch_1")).status


async def test_partial_refunds_never_exceed_the_charge(client: GatewayClient) -> None:
    """Parallel refunds of 300 each give back 900 of 1000; the rest needs a request of its own."""
    charge_id = (await client.charge("key-1")).body["charge_id"]
    answers = await asyncio.gather(
        *(client.refund(f"refund-{n}", charge_id=charge_id, amount_cents=300) for n in range(10))
    )
    rest = await client.refund("rest", charge_id=charge_id)
    nothing_left = await client.refund("more", charge_id=charge_id)

    assert [200] * 3 + [422] * 7 == sorted(answer.status for answer in answers)
    assert (100, 1000) == (rest.body["amount_cents"], rest.body["total_refunded_cents"])
    assert (409, "already_refunded") == (nothing_left.status, nothing_left.body["code"])
    found = (await client.get(f"/v1/charges/{charge_id}")).body
    assert (1000, 1000, 4) == (found["captured_cents"], found["refunded_cents"], len(found["refunds"]))


async def test_a_refund_answers_the_same_for_good(client: GatewayClient) -> None:
    """Same key, same refund, also in parallel and when nothing is left; same key, other body: 409."""
    charge_id = (await client.charge("key-1")).body["charge_id"]
    answers = await asyncio.gather(*(client.refund("refund-1", charge_id=charge_id) for _ in range(10)))
    other = await client.refund("refund-1", charge_id=charge_id, amount_cents=1)

    assert 1 == len({answer.body["refund_id"] for answer in answers})
    assert (409, "key_reused") == (other.status, other.body["code"])


async def test_one_refund_key_serves_one_charge(client: GatewayClient) -> None:
    """A refund key that two charges race for gives back only one of them."""
    charges = [(await client.charge(f"key-{n}")).body["charge_id"] for n in range(2)]
    answers = await asyncio.gather(*(client.refund("refund-1", charge_id=charge_id) for charge_id in charges))

    assert [200, 409] == sorted(answer.status for answer in answers)
    assert 1000 == (await client.get("/v1/books")).body["sums"][0]["net_cents"]


async def test_only_captured_money_can_be_refunded(client: GatewayClient) -> None:
    """No refund of a charge that doesn't exist or took nothing."""
    await client.charge("key-1", token="tok_declined")
    declined = (await client.get("/v1/charges", key="key-1")).body["charge_id"]

    assert 404 == (await client.refund("refund-1", charge_id="ch_unknown")).status
    assert 409 == (await client.refund("refund-2", charge_id=declined)).status


async def test_a_void_refunds_what_is_left_and_closes_the_key(client: GatewayClient) -> None:
    """After a partial refund the void gives back the rest; a late charge is refused; a repeat answers the same."""
    charge_id = (await client.charge("key-1")).body["charge_id"]
    await client.refund("refund-1", charge_id=charge_id, amount_cents=400)
    voids = await asyncio.gather(*(client.void("key-1") for _ in range(10)))
    late = await client.charge("key-1")

    expected = {
        "charged": True,
        "charge_id": charge_id,
        "amount_cents": 1000,
        "refunded_cents": 1000,
        "currency": "EUR",
    }
    assert [expected] * 10 == [void.body for void in voids]
    assert (410, "key_closed") == (late.status, late.body["code"])
    assert 2 == len((await client.get("/v1/charges", key="key-1")).body["refunds"])


async def test_a_void_before_the_charge_keeps_it_out(client: GatewayClient) -> None:
    """A tombstone: the key was never charged and never will be."""
    void = await client.void("key-1")
    late = await client.charge("key-1")

    assert (False, 0, 0) == (void.body["charged"], void.body["amount_cents"], void.body["refunded_cents"])
    assert 410 == late.status
    assert [] == (await client.get("/v1/books")).body["sums"]


async def test_voids_and_charges_that_race_keep_nothing(client: GatewayClient) -> None:
    """Whoever comes first: in the end the key is closed and nothing of it is kept."""
    for number in range(10):
        key = f"key-{number}"
        await asyncio.gather(*(client.charge(key) for _ in range(3)), client.void(key))

        found = (await client.get("/v1/charges", key=key)).body
        assert (True, found["captured_cents"]) == (found["closed"], found["refunded_cents"])


@pytest.mark.parametrize("voids_first", [True, False])
async def test_a_void_and_a_repeated_charge_take_the_key_in_turn(
    service_database: ServiceDatabase, *, voids_first: bool
) -> None:
    """A charge behind the void finds the key closed; one before it gets its first answer, and is given back."""
    async with (
        running_gateway(service_database("payment_gateway")) as (url, database),
        aiohttp.ClientSession() as session,
    ):
        client = GatewayClient(session, url)
        await client.charge("key-1")
        void, charge = partial(client.void, "key-1"), partial(client.charge, "key-1")
        rivals = (void, charge) if voids_first else (charge, void)

        answers = await in_turn(database, "charges WHERE idempotency_key = 'key-1'", *rivals)

        statuses = [answer.status for answer in answers]
        found = (await client.get("/v1/charges", key="key-1")).body
    assert statuses == ([200, 410] if voids_first else [200, 200])
    assert (True, found["captured_cents"]) == (found["closed"], found["refunded_cents"])


async def test_the_books_list_every_key_once(client: GatewayClient) -> None:
    """The settlement report pages through all keys; its sums cover them all."""
    for number in range(5):
        await client.charge(f"key-{number}", reference=f"order-{number}", amount_cents=100 + number)
    await client.void("key-0")
    await client.void("key-9")
    first = (await client.get("/v1/books", limit="4")).body
    second = (await client.get("/v1/books", limit="4", cursor=first["next_cursor"])).body

    keys = [item["idempotency_key"] for page in (first, second) for item in page["items"]]
    assert [*(f"key-{number}" for number in range(5)), "key-9"] == keys
    assert second["next_cursor"] is None
    assert [{"currency": "EUR", "charges": 5, "captured_cents": 510, "refunded_cents": 100, "net_cents": 410}] == (
        first["sums"]
    )


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1001"}, {"limit": "x"}, {"page": "2"}, {"cursor": "\0"}])
async def test_the_books_take_no_nonsense(client: GatewayClient, query: dict[str, str]) -> None:
    """A wrong query is a 422, not a surprise."""
    assert 422 == (await client.get("/v1/books", **query)).status


async def test_look_ups_of_unknown_charges(client: GatewayClient) -> None:
    """404 with the code that tells a client that it's the charge that is unknown, not the address."""
    by_key = await client.get("/v1/charges", key="key-1")
    by_id = await client.get("/v1/charges/ch_1")
    address = await client.get("/v1/charge")

    assert (404, "unknown_charge") == (by_key.status, by_key.body["code"])
    assert (404, "unknown_charge") == (by_id.status, by_id.body["code"])
    assert (404, None) == (address.status, address.body.get("code"))
    assert 400 == (await client.get("/v1/charges")).status


async def test_health(client: GatewayClient) -> None:
    """The addresses that the stack waits for."""
    assert {"status": "alive"} == (await client.get("/healthz")).body
    assert {"status": "ready"} == (await client.get("/readyz")).body


async def test_a_seal_keeps_what_was_charged_and_closes_the_key(client: GatewayClient) -> None:
    """After a partial refund the rest stays: no refund, no void, no charge changes it; a repeat answers the same."""
    charge_id = (await client.charge("key-1")).body["charge_id"]
    first = await client.refund("refund-1", charge_id=charge_id, amount_cents=400)
    seals = await asyncio.gather(*(client.seal("key-1") for _ in range(10)))
    late = [await client.refund("refund-2", charge_id=charge_id), await client.void("key-1")]

    expected = {
        "charged": True,
        "charge_id": charge_id,
        "amount_cents": 1000,
        "refunded_cents": 400,
        "currency": "EUR",
    }
    assert [expected] * 10 == [seal.body for seal in seals]
    assert [(409, "charge_sealed")] * 2 == [(answer.status, answer.body["code"]) for answer in late]
    assert (410, "key_closed") == ((again := await client.charge("key-1")).status, again.body["code"])
    assert first.body == (await client.refund("refund-1", charge_id=charge_id, amount_cents=400)).body
    assert (await client.get("/v1/charges", key="key-1")).body["closed"]


async def test_a_seal_of_nothing_is_a_void(client: GatewayClient) -> None:
    """Never charged, declined, or given back: the key is closed, and there is nothing to keep."""
    await client.charge("declined", token="tok_declined")
    await client.charge("voided")
    await client.void("voided")
    for key in ("unused", "declined", "voided"):
        seal = await client.seal(key)
        assert seal.body["amount_cents"] == seal.body["refunded_cents"]
        assert seal.body == (await client.void(key)).body
        assert 410 == (await client.charge(key)).status


async def test_seals_and_refunds_that_race_agree(client: GatewayClient) -> None:
    """What the seal says is kept is kept for good."""
    for number in range(10):
        key = f"key-{number}"
        charge_id = (await client.charge(key)).body["charge_id"]
        refund = client.refund(f"refund-{number}", charge_id=charge_id, amount_cents=300)
        calls = (client.seal(key), refund) if number % 2 else (refund, client.seal(key))
        answers = await asyncio.gather(*calls)

        (seal,) = [answer for answer in answers if "charged" in answer.body]
        found = (await client.get("/v1/charges", key=key)).body
        assert seal.body["refunded_cents"] == found["refunded_cents"]
