"""The routes of returns."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from order_service.api.problems import STATUSES, order_id_of
from order_service.returns.service import ReturnBody, ReturnService
from order_service.returns.store import ReturnStore
from shared.shop.views import ReturnList, ReturnView
from shared.web.http import answer, idempotency_key_of
from shared.web.problems import answering, read_json


def return_routes(returns: ReturnStore) -> list[web.RouteDef]:
    """The part of the HTTP contract about what was given back after an order's end."""
    service = ReturnService(returns)

    async def record(request: web.Request) -> web.Response:
        order_id = order_id_of(request)
        key = idempotency_key_of(request, "return")
        row = await service.record(order_id, key, await read_json(request, ReturnBody))
        return answer(_view(row), HTTPStatus.CREATED, {"Location": f"/orders/{order_id}/returns"})

    async def list_returns(request: web.Request) -> web.Response:
        rows = await returns.of_order(order_id_of(request))
        return answer(ReturnList(items=[_view(row) for row in rows]))

    routes = [
        web.post("/orders/{order_id}/returns", record),
        web.get("/orders/{order_id}/returns", list_returns),
    ]
    return answering(STATUSES, routes)


def _view(row: Row[Any]) -> ReturnView:
    return ReturnView.model_validate({**row._asdict(), "by": row.recorded_by})
