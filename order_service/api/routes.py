"""The order-service's routes, as a table. Each handler reads the request, asks one collaborator, shows the answer."""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from order_service.acceptance import Acceptance, OrderBody
from order_service.api.openapi import openapi_document
from order_service.api.problems import STATUSES, order_id_of
from order_service.api.sse import OrderEvents, order_view, stream_order
from order_service.approval.api import approval_routes
from order_service.approval.service import ApprovalService
from order_service.approval.store import ApprovalStore
from order_service.cancellation import cancel
from order_service.catalogue import Catalogue, InventoryAwayError
from order_service.conservation.check import ConservationCheck
from order_service.orders import OrderStore
from order_service.reconciler.reconciler import Reconciler
from order_service.repair.api import repair_routes
from order_service.repair.service import RepairService
from order_service.repair.store import RepairStore
from order_service.returns.api import return_routes
from order_service.returns.store import ReturnStore
from order_service.starter import Starter
from shared.shop.order import OrderStatus
from shared.shop.views import AcceptedBody, CancelRequested
from shared.web.http import answer, idempotency_key_of
from shared.web.paging import page_of, read_status
from shared.web.problems import AWAY_HEADERS, ProblemError, answering, read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderApi:
    """The handlers of the HTTP contract, over what they ask."""

    orders: OrderStore
    acceptance: Acceptance
    catalogue: Catalogue
    starter: Starter
    events: OrderEvents
    conservation: ConservationCheck
    reconciler: Reconciler
    repairs: RepairStore
    approvals: ApprovalStore
    returns: ReturnStore

    async def place_order(self, request: web.Request) -> web.Response:
        key = idempotency_key_of(request, "order")
        body = await read_json(request, OrderBody)
        accepted = await self.acceptance.accept(key, body)
        view = AcceptedBody(order_id=accepted.order_id, total_cents=accepted.total_cents, currency=accepted.currency)
        headers = {"Location": f"/orders/{accepted.order_id}"}
        if accepted.is_repeat:
            headers["Idempotent-Replayed"] = "true"
        return answer(view, HTTPStatus.ACCEPTED, headers)

    async def show_order(self, request: web.Request) -> web.Response:
        order_id = order_id_of(request)
        row = await self.orders.by_id(order_id)
        if row is None:
            # Named apart, so that a program can tell this from a 404 of some other server.
            raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no order {order_id}.", order_id=order_id)
        return answer(order_view(row))

    async def list_orders(self, request: web.Request) -> web.Response:
        newest = partial(self.orders.page, read_status(OrderStatus, request))
        return await page_of(request, newest, place=lambda row: (row.accepted_at, row.order_id), view=order_view)

    async def cancel_order(self, request: web.Request) -> web.Response:
        order_id = order_id_of(request)
        await cancel(self.orders, self.starter, order_id)
        return answer(CancelRequested(order_id=order_id), HTTPStatus.ACCEPTED)

    async def order_events(self, request: web.Request) -> web.StreamResponse:
        return await stream_order(request, self.orders, self.events)

    async def list_products(self, request: web.Request) -> web.Response:
        try:
            status, page = await self.catalogue.page(dict(request.query))
        except InventoryAwayError as error:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The products can't be listed now; orders for known products are still taken. Try again.",
                headers=AWAY_HEADERS,
            ) from error
        kind = "application/json" if status == HTTPStatus.OK else "application/problem+json"
        return web.json_response(page, status=status, content_type=kind)

    async def check_conservation(self, _: web.Request) -> web.Response:
        return answer(await self.conservation.report())

    async def show_reconciliation(self, _: web.Request) -> web.Response:
        return answer(await self.reconciler.report())

    async def openapi(self, _: web.Request) -> web.Response:
        return web.json_response(OPENAPI)

    def routes(self) -> list[web.RouteDef]:
        own = [
            web.post("/orders", self.place_order),
            web.get("/orders", self.list_orders),
            web.get("/orders/{order_id}", self.show_order),
            web.post("/orders/{order_id}/cancel", self.cancel_order),
            web.get("/orders/{order_id}/events", self.order_events),
            web.get("/products", self.list_products),
            web.get("/audit/conservation", self.check_conservation, allow_head=False),  # a check takes its time
            web.get("/audit/reconciliation", self.show_reconciliation),
            web.get("/openapi.json", self.openapi),
        ]
        return [
            *answering(STATUSES, own),
            *approval_routes(self.approvals, ApprovalService(self.approvals, self.starter)),
            *return_routes(self.returns),
            *repair_routes(self.repairs, RepairService(self.orders, self.repairs, self.starter)),
        ]


OPENAPI: Final[dict[str, Any]] = openapi_document()
