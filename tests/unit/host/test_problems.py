"""What a client is told of a request that went wrong."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from shared.web.problems import problems

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
    answer = await told(error)

    assert (503, "1") == (answer.status, answer.headers["Retry-After"])


@pytest.mark.parametrize("error", [failed("23505"), RuntimeError()], ids=repr)
async def test_a_mistake_of_the_service_is_none_of_the_moment(error: Exception) -> None:
    assert 500 == (await told(error)).status


async def told(error: Exception) -> web.StreamResponse:
    async def fails(_: web.Request) -> web.StreamResponse:
        raise error

    return await problems(make_mocked_request("GET", "/orders"), fails)
