"""How rows are shown (see `shared/shop/views.py`)."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from sqlalchemy import Row

from shared.shop.views import OrderView


def order_view(row: Row[Any]) -> OrderView:
    """The order, from its row."""
    return OrderView.model_validate({**row._asdict(), "approval": row.approval_state, "steps": row.timeline["steps"]})


def answer(view: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    """The document as the answer to a request."""
    return web.Response(text=view.model_dump_json(), status=status, headers=headers, content_type="application/json")


def item(view: Callable[[Row[Any]], BaseModel]) -> Callable[[Row[Any]], dict[str, Any]]:
    """The document of a row as an item of a page."""
    return lambda row: view(row).model_dump(mode="json")
