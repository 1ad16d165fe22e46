"""The task that migrates before a roll-out."""

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from devstack.postgres.migrations import migrate_all
from devstack.postgres.passwords import load_passwords
from devstack.postgres.prepare import bootstrap
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.shop.audit import AUDIT
from shared.shop.registry import SHOP

pytestmark = pytest.mark.integration


@pytest.fixture
def layout(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> DatabaseLayout:
    """A server that knows nothing of the shop yet."""
    home = tmp_path_factory.mktemp("home")
    settings = load_settings(home=home, database_url=f"{postgres_url.rpartition('/')[0]}/before_a_roll_out")
    return database_layout(settings, load_passwords(load_settings(home=home)))


async def test_every_schema_is_at_its_newest_revision(layout: DatabaseLayout) -> None:
    """Each by its owner, so that the service can go on with it; and a second run finds nothing to do."""
    await bootstrap(layout)

    await migrate_all(layout)
    await migrate_all(layout)

    migrated = [schema for schema in SHOP.schemas if schema != AUDIT.package]
    assert {owner: newest(owner) for owner in migrated} == {owner: await revision(layout, owner) for owner in migrated}
    with pytest.raises(asyncpg.UndefinedTableError):
        await revision(layout, AUDIT.package)


def newest(owner: str) -> str | None:
    """What the service's revisions end in."""
    return ScriptDirectory(
        str(PROJECT_ROOT / "shared" / "migrations"), version_locations=[str(PROJECT_ROOT / owner / "migrations")]
    ).get_current_head()


async def revision(layout: DatabaseLayout, owner: str) -> str | None:
    """What the service itself reads."""
    connection = await asyncpg.connect(layout.url_of(owner))
    try:
        found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()
