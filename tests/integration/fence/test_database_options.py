"""A database URL as managed servers hand it out, on a real server; and a folder that no parser likes."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.database import create_engine, migrate
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
