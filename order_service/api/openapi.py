"""The operations of the order-service, for its OpenAPI document."""

from typing import Any, Final

from order_service.acceptance import OrderBody
from order_service.approval.service import ApprovalBody
from order_service.repair.service import RepairBody
from order_service.returns.service import ReturnBody
from shared.shop import views
from shared.shop.inventory import ProductPage
from shared.shop.order import OrderStatus
from shared.shop.reports import ConservationReport, ReconciliationReport
from shared.web.openapi import CURSOR, KEY, LIMIT, Operation, document, parameter

_STATUS: Final = parameter("status", "query", f"One of {', '.join(OrderStatus)}.")
_PAGE: Final = (LIMIT, CURSOR)
_DECIDED: Final = (400, 404, 409, 413, 422)

OPERATIONS: Final = (
    Operation(
        "place_order",
        "POST /orders",
        "Place an order",
        {202: views.AcceptedBody},
        (400, 403, 409, 413, 422),
        (KEY,),
        OrderBody,
    ),
    Operation(
        "list_orders", "GET /orders", "List orders, newest first", {200: views.OrderPage}, (422,), (_STATUS, *_PAGE)
    ),
    Operation("show_order", "GET /orders/{order_id}", "Show an order", {200: views.OrderView}, (404,)),
    Operation(
        "cancel_order",
        "POST /orders/{order_id}/cancel",
        "Cancel an order before its pivot",
        {202: views.CancelRequested},
        (404, 409),
    ),
    Operation(
        "follow_order",
        "GET /orders/{order_id}/events",
        "Follow an order by Server-Sent Events",
        {200: None, 204: None},
        (404,),
    ),
    Operation(
        "list_attention",
        "GET /attention",
        "List orders that need attention, oldest first",
        {200: views.AttentionPage},
        (422,),
        _PAGE,
    ),
    Operation(
        "decide_repair",
        "POST /orders/{order_id}/repairs",
        "Decide how a stuck compensation goes on",
        {202: views.RepairRequested},
        _DECIDED,
        (KEY,),
        RepairBody,
    ),
    Operation(
        "list_repairs",
        "GET /orders/{order_id}/repairs",
        "List the decisions about an order",
        {200: views.RepairList},
        (404,),
    ),
    Operation(
        "record_return",
        "POST /orders/{order_id}/returns",
        "Record what was given back of a completed order",
        {201: views.ReturnView},
        _DECIDED,
        (KEY,),
        ReturnBody,
    ),
    Operation(
        "list_returns",
        "GET /orders/{order_id}/returns",
        "List what was given back of an order",
        {200: views.ReturnList},
        (404,),
    ),
    Operation(
        "list_approvals",
        "GET /approvals",
        "List orders that wait for approval, the longest waiting first",
        {200: views.ApprovalPage},
        (422,),
        _PAGE,
    ),
    Operation(
        "decide_approval",
        "POST /orders/{order_id}/approval",
        "Approve or reject a risky order",
        {200: views.ApprovalView},
        _DECIDED,
        body=ApprovalBody,
    ),
    Operation(
        "show_approval",
        "GET /orders/{order_id}/approval",
        "Show where an order's approval stands",
        {200: views.ApprovalView},
        (404,),
    ),
    Operation("list_products", "GET /products", "List products", {200: ProductPage}, (422,), _PAGE),
    Operation(
        "check_conservation",
        "GET /audit/conservation",
        "Check that nothing is lost or doubled",
        {200: ConservationReport},
    ),
    Operation(
        "show_reconciliation",
        "GET /audit/reconciliation",
        "What the reconciler found, and what was done about it",
        {200: ReconciliationReport},
    ),
)


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of the order-service."""
    return document("saga-shop", "Orders as sagas. Money is in minor units.", OPERATIONS)
