"""The OpenAPI document, made from the models that read the requests and those that answer them."""

from typing import Any, Final

from pydantic import BaseModel

from order_service.acceptance import OrderBody
from order_service.approval.service import ApprovalBody
from order_service.repair.service import RepairBody
from shared.service.about import About
from shared.shop.order import OrderStatus
from shared.shop.views import (
    AcceptedBody,
    ApprovalPage,
    ApprovalView,
    AttentionPage,
    OrderPage,
    OrderView,
    ProductPage,
    RepairList,
    RepairRequested,
)
from shared.web.bodies import Problem
from shared.web.openapi import COMMON_PATHS, CURSOR, KEY, LIMIT, operation, parameter, schemas_of

_MODELS: Final[tuple[type[BaseModel], ...]] = (
    About,
    AcceptedBody,
    ApprovalBody,
    ApprovalPage,
    ApprovalView,
    AttentionPage,
    OrderBody,
    OrderPage,
    OrderView,
    Problem,
    ProductPage,
    RepairBody,
    RepairList,
    RepairRequested,
)


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of the order-service."""
    order_id = parameter("order_id", "path", "The order's id.", required=True)
    status = parameter("status", "query", f"One of {', '.join(OrderStatus)}.")
    return {
        "openapi": "3.1.0",
        "info": {"title": "saga-shop", "version": "1.0.0", "description": "Orders as sagas. Money is in minor units."},
        "paths": {
            "/orders": {
                "post": operation(
                    "Place an order", {202: AcceptedBody}, [400, 403, 409, 413, 422, 503], [KEY], body=OrderBody
                ),
                "get": operation("List orders, newest first", {200: OrderPage}, [422], [status, LIMIT, CURSOR]),
            },
            "/orders/{order_id}": {"get": operation("Show an order", {200: OrderView}, [404], [order_id])},
            "/orders/{order_id}/cancel": {
                "post": operation("Cancel an order before its pivot", {202: None}, [404, 409], [order_id])
            },
            "/orders/{order_id}/events": {
                "get": operation("Follow an order by Server-Sent Events", {200: None}, [404], [order_id])
            },
            "/attention": {
                "get": operation(
                    "List orders that need attention, oldest first", {200: AttentionPage}, [422], [LIMIT, CURSOR]
                )
            },
            "/orders/{order_id}/repairs": {
                "post": operation(
                    "Decide how a stuck compensation goes on",
                    {202: RepairRequested},
                    [400, 404, 409, 413, 422, 503],
                    [order_id, KEY],
                    body=RepairBody,
                ),
                "get": operation("List the decisions about an order", {200: RepairList}, [404], [order_id]),
            },
            "/approvals": {
                "get": operation(
                    "List risky orders that wait for approval, the longest waiting first",
                    {200: ApprovalPage},
                    [422],
                    [LIMIT, CURSOR],
                )
            },
            "/orders/{order_id}/approval": {
                "post": operation(
                    "Approve or reject a risky order",
                    {200: ApprovalView},
                    [400, 404, 409, 413, 422],
                    [order_id],
                    body=ApprovalBody,
                ),
                "get": operation("Show where the approval of an order stands", {200: ApprovalView}, [404], [order_id]),
            },
            "/products": {"get": operation("List products", {200: ProductPage}, [422, 503], [LIMIT, CURSOR])},
            "/audit/conservation": {"get": operation("Check that nothing is lost or doubled", {200: None}, [503], [])},
            "/audit/reconciliation": {
                "get": operation("What the reconciler found, and what was done about it", {200: None}, [503], [])
            },
            **COMMON_PATHS,
        },
        "components": {"schemas": schemas_of(_MODELS)},
    }
