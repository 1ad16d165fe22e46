"""The gateway's HTTP API."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from payment_gateway.answers import Refund, books_page, closed_key, looked_up
from payment_gateway.bodies import CARDS, ChargeBody, Key, KeyBody, RefundBody, Reply
from payment_gateway.errors import CardDeclinedError, GatewayError, OutOfOrderError
from payment_gateway.store import GatewayReports, GatewayStore
from shared.shop.gateway import Charge
from shared.web.http import Readiness, answer, application
from shared.web.paging import bad_query, number_in
from shared.web.problems import ProblemError, problem_response, read_json

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KEY: Final = TypeAdapter[str](Key)
_DEFAULT_PAGE: Final = 100
_MAX_PAGE: Final = 1000


def gateway_application(
    store: GatewayStore, reports: GatewayReports, readiness: Readiness, *, slow_seconds: float
) -> web.Application:
    """The gateway, ready to be served.

    Args:
        store: the books, for writing.
        reports: the books, for reading.
        readiness: why the gateway isn't ready, or None.
        slow_seconds: how late a slow card is answered.
    """
    app = application(readiness)
    app.middlewares.append(_refusals)
    app.router.add_routes(_changes(store, slow_seconds))
    app.router.add_routes(_look_ups(reports))
    return app


def _changes(store: GatewayStore, slow_seconds: float) -> list[web.RouteDef]:
    async def charge(request: web.Request) -> web.Response:
        key = _idempotency_key(request)
        body = await read_json(request, ChargeBody)
        card = CARDS[body.token]
        if not card.in_order:
            raise OutOfOrderError
        charged = await store.charge(key, body, approves=card.approves)
        if charged.is_first:
            await _hold_back(request, card.reply, slow_seconds)
        if charged.charge.status == "declined":
            raise CardDeclinedError
        status = HTTPStatus.CREATED if charged.is_first else HTTPStatus.OK
        return answer(Charge.model_validate(charged.charge._asdict()), status)

    async def refund(request: web.Request) -> web.Response:
        key = _idempotency_key(request)
        body = await read_json(request, RefundBody)
        return answer(Refund.model_validate((await store.refund(key, body))._asdict()))

    async def void(request: web.Request) -> web.Response:
        body = await read_json(request, KeyBody)
        return answer(closed_key(await store.void(body.key)))

    async def seal(request: web.Request) -> web.Response:
        body = await read_json(request, KeyBody)
        return answer(closed_key(await store.seal(body.key)))

    return [
        web.post("/v1/charges", charge),
        web.post("/v1/refunds", refund),
        web.post("/v1/voids", void),
        web.post("/v1/seals", seal),
    ]


def _look_ups(reports: GatewayReports) -> list[web.RouteDef]:
    async def by_key(request: web.Request) -> web.Response:
        return answer(looked_up(*await reports.by_key(_key(request.query.get("key"), "key"))))

    async def by_id(request: web.Request) -> web.Response:
        charge_id = _key(request.match_info["charge_id"], "charge_id")
        return answer(looked_up(*await reports.by_id(charge_id)))

    async def books(request: web.Request) -> web.Response:
        if set(request.query) - {"limit", "cursor"}:
            raise bad_query("The books take limit and cursor only.")
        limit = number_in(request.query, "limit", _DEFAULT_PAGE, lowest=1, highest=_MAX_PAGE)
        cursor = request.query.get("cursor", "")
        if cursor:
            _key(cursor, "cursor", HTTPStatus.UNPROCESSABLE_ENTITY)
        return answer(books_page(await reports.books(cursor, limit + 1), limit))

    return [
        web.get("/v1/charges", by_key),
        web.get("/v1/charges/{charge_id}", by_id),
        web.get("/v1/books", books),
    ]


async def _hold_back(request: web.Request, reply: Reply, slow_seconds: float) -> None:
    if reply is Reply.LATE:
        await asyncio.sleep(slow_seconds)
    if reply is Reply.NEVER and request.transport is not None:
        request.transport.abort()


def _idempotency_key(request: web.Request) -> str:
    return _key(request.headers.get("Idempotency-Key"), "Idempotency-Key")


def _key(value: str | None, name: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> str:
    try:
        return _KEY.validate_python(value)
    except ValidationError as error:
        detail = f"{name} is needed: 1 to 255 printable ASCII characters without spaces."
        raise ProblemError(status, detail) from error


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except GatewayError as error:
        return problem_response(error.status, error.detail, extra={"code": error.code})
