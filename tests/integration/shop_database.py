"""A database with the schemas of all services, as `devstack` prepares it."""

from pathlib import Path

from devstack.postgres.passwords import load_passwords
from devstack.postgres.prepare import bootstrap
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.database import migrate


async def prepared(postgres_url: str, home: Path) -> DatabaseLayout:
    """Make a database on the server, with everything migrated; it is named as `home`, which keeps its passwords."""
    settings = load_settings(home=home, database_url=f"{postgres_url.rpartition('/')[0]}/{home.name}")
    layout = database_layout(settings, load_passwords(load_settings(home=home)))
    await bootstrap(layout)
    for app in settings.registry.apps:
        await migrate(layout.url_of(app.package), PROJECT_ROOT / app.package / "migrations", app.auditor_reads)
    return layout
