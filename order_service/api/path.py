"""Reads an order's id from the path."""

from http import HTTPStatus

from aiohttp import web

from shared.web.problems import ProblemError


def order_id_of(request: web.Request) -> str:
    """The id, if it could be one.

    Raises:
        ProblemError: 404 for text that no order is named by (Postgres wouldn't even take a NUL).
    """
    order_id = request.match_info["order_id"]
    if not order_id.isprintable():
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no order {order_id!a}.")
    return order_id
