"""A database URL as managed servers hand it out, on a real server; and a folder that no parser likes."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import create_engine, is_unreachable, may_pass, migrate
from tests.integration.fence.world import MIGRATIONS

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("options", "setting", "value"),
    [
        ("application_name=mine&connect_timeout=10", "application_name", "tests"),
        ("options=-c%20statement_timeout%3D5000", "statement_timeout", "5s"),
        ("sslmode=prefer&channel_binding=prefer&keepalives_idle=5", "tcp_keepalives_idle", "3"),
        ("timezone=Asia/Tokyo&gssencmode=disable", "timezone", "Asia/Tokyo"),
    ],
)
async def test_the_usual_options_are_taken(database_url: str, options: str, setting: str, value: str) -> None:
    url = f"{database_url}{'&' if '?' in database_url else '?'}{options}"
    await migrate(url, MIGRATIONS)
    database = create_engine(url, application_name="tests", pool_size=1)
    async with database.connect() as connection:
        shown = await connection.scalar(text("SELECT current_setting(:name)"), {"name": setting})
    await database.dispose()

    # Over a socket of the machine there are no keepalives.
    assert shown in {value, "0"}


@pytest.mark.parametrize("folder", ["50%off", "o'brien", "my shop", "größe", "%(here)s"])
async def test_a_folder_may_be_called_anything(empty_url: str, tmp_path: Path, folder: str) -> None:
    """The names of branches and people become those of folders."""
    versions = tmp_path / folder / "migrations"
    shutil.copytree(MIGRATIONS, versions)

    await migrate(empty_url, versions)
    await migrate(empty_url, versions)


async def test_connections_to_a_server_that_takes_no_writes_any_more_are_given_up(database_url: str) -> None:
    """After a failover a pooled session stays at the former primary, and each write of it would fail for ever."""
    database = create_engine(database_url, application_name="tests", pool_size=1)
    async with database.connect() as connection:
        await connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
        await connection.commit()

    with pytest.raises(DBAPIError) as caught:
        await write(database)
    await write(database)
    await database.dispose()

    assert (is_unreachable(caught.value), may_pass(caught.value)) == (True, True)


async def write(database: AsyncEngine) -> None:
    async with database.begin() as tx:
        await tx.execute(text("INSERT INTO fault_hits VALUES ('s', 'a', 1, 1) ON CONFLICT DO NOTHING"))


async def test_a_password_that_was_changed_is_an_outage(database_url: str) -> None:
    """503 and a sentence until the service has the new one, or the old one is back."""
    url = make_url(database_url).set(password="wrong").render_as_string(hide_password=False)
    database = create_engine(url, application_name="tests", pool_size=1)

    with pytest.raises(DBAPIError) as caught:
        await write(database)
    await database.dispose()

    assert is_unreachable(caught.value)
