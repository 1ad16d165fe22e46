"""How rows are shown, as far as it is the same everywhere."""

from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel


def iso(moment: datetime | None) -> str | None:
    """The moment in ISO 8601, in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def answer(view: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    """The document as the answer to a request."""
    return web.Response(text=view.model_dump_json(), status=status, headers=headers, content_type="application/json")
