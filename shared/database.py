"""Postgres for one service: its engine and its migrations."""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.migrations import MIGRATION_LOCK
from shared.migrations.auditor import ADMIT_AUDITOR

_MIGRATION_ENVIRONMENT: Final = Path(__file__).parent / "migrations"
_SQLSTATE_UNREACHABLE: Final = ("08", "57P")
"""Connection exceptions; shutting down or starting up."""


def create_engine(
    url: str,
    *,
    application_name: str,
    pool_size: int = 10,
    seldom_used: bool = False,
    statement_seconds: float = 30.0,
) -> AsyncEngine:
    """An engine for one event loop; never share it between loops.

    Args:
        url: as users write it, `postgresql://role:password@host:port/database`, with `?sslmode=` where they need it.
        application_name: shown in `pg_stat_activity`.
        pool_size: connections kept; as many again may be opened under load.
        seldom_used: ask a connection whether it still lives before it is used. It costs a round trip each time; a busy
            pool finds out without, since its background work meets dead connections first.
        statement_seconds: how long a statement may take before it is cancelled.
    """
    return create_async_engine(
        _driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=seldom_used,
        connect_args={
            "timeout": 10,
            "command_timeout": statement_seconds,
            "server_settings": {
                "application_name": application_name,
                # A process that is stopped in mid-transaction must not hold its locks for ever.
                "idle_in_transaction_session_timeout": "30s",
            },
        },
    )


def _driver_url(url: str) -> URL:
    """SQLAlchemy hands the query on as arguments, and asyncpg's is `ssl`, where all other clients say `sslmode`."""
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    if "sslmode" not in parsed.query:
        return parsed
    return parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": parsed.query["sslmode"]})


async def migrate(url: str, versions: Path, *, patience_seconds: float = 60.0) -> None:
    """Bring the service's schema to its newest revision; replicas that start together wait for one another.

    Raises:
        DBAPIError | OSError: the database can't be reached within `patience_seconds`, or a revision fails.
    """
    engine = create_engine(url, application_name="migrations", pool_size=1)
    deadline = asyncio.get_running_loop().time() + patience_seconds
    try:
        while True:
            try:
                async with engine.begin() as connection:
                    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
                    await connection.run_sync(_upgrade, versions)
                    # Whatever a revision has added, the auditor reads what it needs of it.
                    await connection.execute(text(ADMIT_AUDITOR))
            except (OSError, DBAPIError) as error:
                if not is_unreachable(error) or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.2)
            else:
                return
    finally:
        await engine.dispose()


def is_unreachable(error: BaseException) -> bool:
    """The database is away for now; the same statement may work a moment later."""
    if isinstance(error, OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or sqlstate.startswith(_SQLSTATE_UNREACHABLE)


def revisions_in(versions: Path) -> tuple[str, ...]:
    """The revisions that a service's code brings, oldest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config(versions)).walk_revisions())[::-1]


def _upgrade(connection: Connection, versions: Path) -> None:
    config = _config(versions)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATION_ENVIRONMENT))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    return config
