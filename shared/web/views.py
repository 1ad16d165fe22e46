"""How documents are answered."""

from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel


def answer(view: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    """The document as the answer to a request."""
    return web.Response(text=view.model_dump_json(), status=status, headers=headers, content_type="application/json")
