"""What a client reads of a request that went wrong."""

import json
from http import HTTPStatus

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.web.problems import answering, problems
from shared.web.requests import RequestRefusedError

pytestmark = pytest.mark.unit


class DriverError(Exception):
    """As asyncpg's: with the database's code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def failed(sqlstate: str) -> DBAPIError:
    return DBAPIError("SELECT 1", None, DriverError(sqlstate))


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(), PoolTimeoutError("no connection"), *map(failed, ["08006", "53300", "40P01", "57014"])],
    ids=repr,
)
async def test_a_database_that_is_away_or_too_busy_is_worth_another_try(error: Exception) -> None:
    answer = await response_to(error)

    assert (503, "1") == (answer.status, answer.headers["Retry-After"])


@pytest.mark.parametrize("error", [failed("23505"), RuntimeError()], ids=repr)
async def test_a_mistake_of_the_service_is_none_of_the_moment(error: Exception) -> None:
    assert 500 == (await response_to(error)).status


class AwayError(RequestRefusedError):
    sentence = "{what} is away."


@pytest.mark.parametrize(("status", "wait"), [(HTTPStatus.SERVICE_UNAVAILABLE, "2"), (HTTPStatus.CONFLICT, None)])
async def test_a_refusal_is_answered_with_its_sentence_and_its_status(status: HTTPStatus, wait: str | None) -> None:
    """Whoever is away may be back soon: the client reads how long to wait."""

    async def refuses(_: web.Request) -> web.StreamResponse:
        raise AwayError(what="inventory-service")

    (route,) = answering({AwayError: status}, [web.get("/orders", refuses)])
    answer = await problems(make_mocked_request("GET", "/orders"), route.handler)

    assert isinstance(answer, web.Response)
    assert (status, wait) == (answer.status, answer.headers.get("Retry-After"))
    assert "inventory-service is away." == json.loads(answer.text or "")["detail"]


async def response_to(error: Exception) -> web.StreamResponse:
    async def fails(_: web.Request) -> web.StreamResponse:
        raise error

    return await problems(make_mocked_request("GET", "/orders"), fails)
