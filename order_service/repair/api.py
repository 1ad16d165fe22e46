"""The routes of repairs: what waits for a person, and what persons decide."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from order_service.api.problems import STATUSES, order_id_of
from order_service.repair.service import RepairBody, RepairService
from order_service.repair.store import RepairStore
from shared.shop.reasons import for_customer, for_operators
from shared.shop.views import AttentionView, RepairList, RepairRequested, RepairView
from shared.web.http import answer, idempotency_key_of
from shared.web.paging import page_of
from shared.web.problems import answering, read_json


def repair_routes(repairs: RepairStore, service: RepairService) -> list[web.RouteDef]:
    """The part of the HTTP contract about repairs."""

    async def list_attention(request: web.Request) -> web.Response:
        return await page_of(
            request, repairs.waiting, place=lambda row: (row.attention_since, row.order_id), view=_attention_view
        )

    async def decide(request: web.Request) -> web.Response:
        order_id = order_id_of(request)
        key = idempotency_key_of(request, "decision")
        body = await read_json(request, RepairBody)
        repair_id = await service.decide(order_id, key, body)
        requested = RepairRequested(repair_id=repair_id, order_id=order_id)
        return answer(requested, HTTPStatus.ACCEPTED, {"Location": f"/orders/{order_id}/repairs"})

    async def list_repairs(request: web.Request) -> web.Response:
        rows = await service.of_order(order_id_of(request))
        return answer(RepairList(items=[_repair_view(row) for row in rows]))

    routes = [
        web.get("/attention", list_attention),
        web.post("/orders/{order_id}/repairs", decide),
        web.get("/orders/{order_id}/repairs", list_repairs),
    ]
    return answering(STATUSES, routes)


def _attention_view(row: Row[Any]) -> AttentionView:
    shown = {
        **row._asdict(),
        "reason": for_customer(row.status, row.reason),
        "error": for_operators(row.error, row.reason),
        "since": row.attention_since,
    }
    return AttentionView.model_validate(shown)


def _repair_view(row: Row[Any]) -> RepairView:
    return RepairView.model_validate({**row._asdict(), "by": row.decided_by})
