"""Bodies of requests: what is no message of the shop is the client's mistake, however it is made."""

import json
from http import HTTPStatus

import pytest
from aiohttp import web
from pydantic import BaseModel

from shared.events.received import MAX_NESTING, parse_json
from shared.web.problems import read_json
from tests.integration.api import client_of

pytestmark = pytest.mark.unit


class Anything(BaseModel):
    """A body whose parts nobody looks at."""

    parts: list[object]


async def answer_to(body: str) -> tuple[int, dict[str, str]]:
    async def take(request: web.Request) -> web.Response:
        await read_json(request, Anything)
        return web.json_response({})

    async with client_of([web.post("/", take)]) as client, client.post("/", data=body) as response:
        return response.status, await response.json(content_type=None)


@pytest.mark.parametrize(
    "body",
    ["", "{", "[" * 60_000, '{"parts":' * 6_000, '{"parts":' + "[" * 500 + "]" * 500 + "}", "9" * 5_000],
    ids=["empty", "broken", "lists", "objects", "deeper than ours", "a number without end"],
)
async def test_what_is_no_json_is_400(body: str) -> None:
    """Also what is nested so deeply that reading it fails: it is no mistake of the service."""
    status, problem = await answer_to(body)

    assert HTTPStatus.BAD_REQUEST == status
    assert problem["detail"].startswith("The body must be JSON: ")


async def test_what_is_json_and_does_not_fit_is_422() -> None:
    status, problem = await answer_to(json.dumps({"parts": 1}))

    assert (HTTPStatus.UNPROCESSABLE_ENTITY, "parts: ") == (status, problem["detail"][:7])


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_only_so_many_levels_are_read(opening: str, closing: str) -> None:
    def text(levels: int) -> bytes:
        return (opening * levels + ("[]" if levels % 2 else "{}") + closing * levels).encode()

    assert parse_json(text(MAX_NESTING - 1))
    with pytest.raises(ValueError, match="nested deeper than 100 levels"):
        parse_json(text(MAX_NESTING))
