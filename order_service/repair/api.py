"""The repair service's routes: what waits for a person, and what persons decide."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from sqlalchemy import Row

from order_service.api.problems import STATUSES, order_id_of
from order_service.repair.bodies import StuckView
from order_service.repair.service import RepairBody, RepairService
from order_service.repair.store import RepairStore
from shared.web.key import idempotency_key_of
from shared.web.pages import page_of
from shared.web.problems import answering, read_json
from shared.web.views import iso


def repair_routes(repairs: RepairStore, service: RepairService) -> list[web.RouteDef]:
    """The service's part of the HTTP contract."""

    async def list_attention(request: web.Request) -> web.Response:
        return await page_of(
            request, repairs.waiting, place=lambda row: (row.attention_since, row.order_id), view=_attention_view
        )

    async def decide(request: web.Request) -> web.Response:
        order_id = order_id_of(request)
        key = idempotency_key_of(request, "decision")
        body: RepairBody = await read_json(request, RepairBody)
        repair_id = await service.decide(order_id, key, body)
        answer = {"repair_id": repair_id, "order_id": order_id, "status": "requested"}
        return web.json_response(
            answer, status=HTTPStatus.ACCEPTED, headers={"Location": f"/orders/{order_id}/repairs"}
        )

    async def list_repairs(request: web.Request) -> web.Response:
        rows = await service.of_order(order_id_of(request))
        return web.json_response({"items": [_repair_view(row) for row in rows]})

    routes = [
        web.get("/attention", list_attention),
        web.post("/orders/{order_id}/repairs", decide),
        web.get("/orders/{order_id}/repairs", list_repairs),
    ]
    return answering(STATUSES, routes)


def _attention_view(row: Row[Any]) -> dict[str, Any]:
    return {
        "order_id": row.order_id,
        "reason": row.reason,
        "money_at_risk_cents": row.money_at_risk_cents,
        "currency": row.currency,
        "since": iso(row.attention_since),
        "age_seconds": round(float(row.age_seconds), 3),
        "stuck": [{name: one.get(name) for name in StuckView.model_fields} for one in row.stuck],
    }


def _repair_view(row: Row[Any]) -> dict[str, Any]:
    return {
        "repair_id": row.repair_id,
        "step": row.step,
        "decision": row.decision,
        "by": row.decided_by,
        "note": row.note,
        "status": row.status,
        "outcome": row.outcome,
        "detail": row.detail,
        "requested_at": iso(row.requested_at),
        "sent_at": iso(row.sent_at),
        "applied_at": iso(row.applied_at),
    }
