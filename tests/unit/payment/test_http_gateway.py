"""What the client of the gateway makes of answers that the real one gives in bad moments only."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from payment_service.gateway import LONGEST_SENTENCE, ChargeUnwantedError, GatewayOutageError, HttpGateway
from shared.participant.errors import Refused
from shared.shop.payment import ProcessPayment

pytestmark = pytest.mark.unit

PAYMENT = ProcessPayment(amount_cents=100, currency="EUR", token="tok_visa")

Question = Callable[[HttpGateway], Awaitable[object]]


async def charge(gateway: HttpGateway) -> object:
    return await gateway.charge("order-1:pay", "order-1", PAYMENT)


async def look_up(gateway: HttpGateway) -> object:
    return await gateway.look_up("order-1:pay")


async def refund(gateway: HttpGateway) -> object:
    return await gateway.refund("order-1:pay:refund", "ch_1")


async def void(gateway: HttpGateway) -> object:
    return await gateway.void("order-1:pay")


@asynccontextmanager
async def a_gateway_that_answers(status: int, body: str) -> AsyncIterator[HttpGateway]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    gateway = HttpGateway(str(server.make_url("/")), timeout_seconds=5)
    try:
        yield gateway
    finally:
        await gateway.close()
        await server.close()


@pytest.mark.parametrize("question", [charge, look_up, refund, void])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, "<h1>Internal Server Error</h1>"),
        (502, ""),
        (503, '{"detail": "away"}'),
        (429, '{"detail": "too many requests"}'),
        (400, '{"detail": "no key"}'),
        (401, "[]"),
        (404, "not the gateway's 404"),
        (404, '{"detail": "another address"}'),
        (409, '{"code": "key_reused"}'),
        (200, "<html>a captive portal</html>"),
        (200, "[]"),
        (200, "{}"),
        (200, '{"charge_id": 7, "amount_cents": "?"}'),
    ],
)
async def test_an_unexpected_answer_is_an_outage(question: Question, status: int, body: str) -> None:
    """Neither a yes nor a no: the money may have moved."""
    async with a_gateway_that_answers(status, body) as gateway:
        with pytest.raises(GatewayOutageError):
            await question(gateway)


async def test_a_decline_is_a_refusal_that_says_what_to_do() -> None:
    """The customer's sentence."""
    async with a_gateway_that_answers(402, '{"code": "card_declined"}') as gateway:
        with pytest.raises(Refused, match=r"^the card was declined: use another card$"):
            await charge(gateway)


async def test_what_the_gateway_can_not_read_is_a_refusal_with_its_sentence() -> None:
    """Retries can't change it."""
    async with a_gateway_that_answers(422, '{"detail": "currency: unknown."}') as gateway:
        with pytest.raises(Refused, match=r"^the payment can't be taken \(currency: unknown\): correct it"):
            await charge(gateway)


async def test_what_the_gateway_says_is_kept_short_and_printable() -> None:
    """It stands in the fence for good, which can't hold a NUL."""
    async with a_gateway_that_answers(422, json.dumps({"detail": "a\0b\ud800\n" + "c" * 100_000})) as gateway:
        with pytest.raises(Refused) as refused:
            await charge(gateway)

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 2 * LONGEST_SENTENCE


async def test_a_closed_key_is_distinguished() -> None:
    """Something may have been charged under it before it was closed."""
    async with a_gateway_that_answers(410, '{"code": "key_closed"}') as gateway:
        with pytest.raises(ChargeUnwantedError):
            await charge(gateway)


async def test_an_unknown_key_is_no_charge_yet() -> None:
    """Only the gateway's own 404 says so."""
    async with a_gateway_that_answers(404, '{"code": "unknown_charge"}') as gateway:
        assert await look_up(gateway) is None
