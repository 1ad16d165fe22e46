"""The URL that a service is given."""

import pytest

from shared.database import create_engine

pytestmark = pytest.mark.unit


async def test_sslmode_is_said_in_the_drivers_words() -> None:
    """A managed Postgres is handed out with `?sslmode=require`, which the driver would refuse as an argument."""
    database = create_engine("postgresql://role:secret@db:5432/shop?sslmode=require&timezone=UTC", application_name="x")

    assert {"ssl": "require", "timezone": "UTC"} == dict(database.url.query)
    _, arguments = database.dialect.create_connect_args(database.url)
    assert arguments["ssl"] == "require"


async def test_without_it_nothing_is_added() -> None:
    """The driver's own default holds: encrypted where the server can."""
    assert not create_engine("postgresql://role:secret@db:5432/shop", application_name="x").url.query
