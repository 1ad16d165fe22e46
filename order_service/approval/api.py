"""The routes of approvals: which risky orders wait for a person, and what the person says."""

from typing import Any

from aiohttp import web
from sqlalchemy import Row

from order_service.api.problems import STATUSES, order_id_of
from order_service.approval.service import ApprovalBody, ApprovalService
from order_service.approval.store import ApprovalStore
from shared.shop.views import ApprovalView
from shared.web.http import answer
from shared.web.paging import page_of
from shared.web.problems import answering, read_json


def approval_routes(approvals: ApprovalStore, service: ApprovalService) -> list[web.RouteDef]:
    """The part of the HTTP contract about approvals."""

    async def list_waiting(request: web.Request) -> web.Response:
        return await page_of(
            request, approvals.waiting, place=lambda row: (row.approval_since, row.order_id), view=_view
        )

    async def decide(request: web.Request) -> web.Response:
        order_id = order_id_of(request)
        body = await read_json(request, ApprovalBody)
        return answer(_view(await service.decide(order_id, body)))

    async def show(request: web.Request) -> web.Response:
        return answer(_view(await service.of_order(order_id_of(request))))

    routes = [
        web.get("/approvals", list_waiting),
        web.post("/orders/{order_id}/approval", decide),
        web.get("/orders/{order_id}/approval", show),
    ]
    return answering(STATUSES, routes)


def _view(row: Row[Any]) -> ApprovalView:
    return ApprovalView(
        **row.held,
        order_id=row.order_id,
        state=row.approval_state,
        amount_at_risk_cents=row.total_cents,
        currency=row.currency,
        since=row.approval_since,
        age_seconds=row.age_seconds,
        due_at=row.approval_due_at,
        by=row.approval_by,
        reason=row.approval_reason,
        decided_at=row.decided_at,
    )
