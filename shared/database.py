"""Postgres for one service: its engine and its migrations."""

import asyncio
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Column, ColumnElement, Table, Update, event, func, select, text, update
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.contracts.app import Readable
from shared.database_url import usable_url
from shared.migrations import MIGRATION_LOCK
from shared.migrations.revisions import apply, lacking

_RETRY_SECONDS: Final = 0.2
_LOCK_PAUSE_SECONDS: Final = 1.0
"""Between tries to get a lock: those who queued behind the last one go on meanwhile."""

_SQLSTATE_UNREACHABLE: Final = ("08", "57P", "28", "3D000", "58", "25006")
"""Connection exceptions; shutting down or starting up; a login that isn't taken (yet), as after a change of password;
no such database; no disk; read-only, as a server is that was the primary."""
_SQLSTATE_ELSEWHERE: Final = "25006"
"""The connection leads to a server that takes no writes any more: another one may lead to the new primary."""
_SQLSTATE_LOCKED: Final = ("55P03", "40P01")
"""A lock that wasn't there in time; a deadlock."""
_SQLSTATE_BUSY: Final = ("53", "40", "55P03", "57014")
"""Too few resources, such as connections; taken back, as a deadlock's victim; locked; cancelled, as for its time."""

log = structlog.get_logger()


def create_engine(  # noqa: PLR0913 - what tells one pool from another
    url: str,
    *,
    application_name: str,
    pool_size: int = 10,
    overflow: int | None = None,
    seldom_used: bool = False,
    statement_seconds: float = 30.0,
) -> AsyncEngine:
    """An engine for one event loop; never share it between loops.

    Args:
        url: as users write it, `postgresql://role:password@host:port/database`, with libpq's options
            (`shared.database_url`).
        application_name: shown in `pg_stat_activity`.
        pool_size: connections kept.
        overflow: so many more may be opened under load, and are closed after it; None: as many as are kept.
        seldom_used: ask a connection whether it still lives before it is used. It costs a round trip each time; a busy
            pool finds out without, since its background work meets dead connections first.
        statement_seconds: how long a statement may take before it is cancelled.
    """
    database = create_async_engine(
        _driver_url(url),
        pool_size=pool_size,
        max_overflow=pool_size if overflow is None else overflow,
        pool_pre_ping=seldom_used,
        # Errors end up in logs, and parameters are customers' data.
        hide_parameters=True,
        connect_args={
            "command_timeout": statement_seconds,
            **_connection(
                url,
                application_name=application_name,
                # A process that is stopped in mid-transaction must not hold its locks for ever.
                idle_in_transaction_session_timeout="30s",
                # A session whose host has vanished would hold its locks for the kernel's two hours: 9 s are enough.
                tcp_keepalives_idle="3",
                tcp_keepalives_interval="2",
                tcp_keepalives_count="3",
            ),
        },
    )
    event.listen(database.sync_engine, "handle_error", _leave_a_former_primary)
    return database


def _leave_a_former_primary(context: ExceptionContext) -> None:
    """After a failover the pool would keep its connections to the server that refuses writes."""
    if getattr(context.original_exception, "sqlstate", None) == _SQLSTATE_ELSEWHERE:
        context.is_disconnect = True


def _driver_url(url: str) -> URL:
    """Without options: SQLAlchemy hands them on as arguments, which the driver calls otherwise (`_connection`)."""
    return make_url(url).set(drivername="postgresql+asyncpg", query={})


def _connection(url: str, **server_settings: str) -> dict[str, Any]:
    """The driver's arguments: it reads the options from the URL itself."""
    return {"dsn": usable_url(url), "timeout": 10, "server_settings": server_settings}


async def migrate(
    url: str,
    versions: Path,
    readable: Readable | None = None,
    *,
    patience_seconds: float = 60.0,
    lock_timeout_seconds: float = 3.0,
) -> None:
    """Bring the service's schema to its newest revision; replicas that start together wait for one another.

    Each revision is a transaction of its own and may take its time, but not make others wait: where it doesn't get a
    lock within `lock_timeout_seconds`, it is taken back and tried again.

    `readable`: what an auditor may read of its tables.

    Raises:
        DBAPIError | OSError: the database is away or too busy for `patience_seconds`, or a revision fails, or got no
            lock in that time.
        NewerSchemaError: the schema is newer than this code.
    """
    database = _migration_database(url, lock_timeout_seconds)
    deadline = _now() + patience_seconds
    while True:
        try:
            async with database.connect() as connection:
                await _migrate(connection, versions, readable or {}, patience_seconds)
        except (OSError, DBAPIError, PendingRollbackError) as error:
            # A connection that is lost while an index is built can't go back into a transaction either.
            is_worth_it = isinstance(error, PendingRollbackError) or may_pass(error)
            if not is_worth_it or _now() > deadline:
                raise
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return


def _migration_database(url: str, lock_timeout_seconds: float) -> AsyncEngine:
    """Its statements may take as long as they do. The lock that it migrates under goes with its one connection."""
    return create_async_engine(
        _driver_url(url),
        poolclass=NullPool,
        connect_args=_connection(
            url,
            application_name="migrations",
            lock_timeout=f"{lock_timeout_seconds}s",
            # A process that is stopped, or vanished with its machine, must not keep the others from migrating.
            idle_in_transaction_session_timeout="30s",
            idle_session_timeout="30s",
        ),
    )


async def _migrate(connection: AsyncConnection, versions: Path, readable: Readable, patience_seconds: float) -> None:
    if not await _lacking(connection, versions):
        return
    await _lock_out_others(connection)
    for revision in await _lacking(connection, versions):
        await _apply(connection, versions, readable, revision, patience_seconds)


async def _lacking(connection: AsyncConnection, versions: Path) -> tuple[str, ...]:
    found = await connection.run_sync(lacking, versions)
    await connection.rollback()
    return found


async def _lock_out_others(connection: AsyncConnection) -> None:
    """Lock out the other replicas. Never by waiting for the lock: who builds an index would wait for that statement."""
    is_logged = False
    while not await connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}):
        await connection.rollback()
        if not is_logged:
            log.info("another process migrates: waiting for it")
            is_logged = True
        await asyncio.sleep(_RETRY_SECONDS)
    await connection.commit()


async def _apply(
    connection: AsyncConnection, versions: Path, readable: Readable, revision: str, patience_seconds: float
) -> None:
    deadline = _now() + patience_seconds
    while True:
        try:
            await connection.run_sync(apply, versions, readable, revision)
        except DBAPIError as error:
            await connection.rollback()
            if _sqlstate(error) not in _SQLSTATE_LOCKED or _now() > deadline:
                raise
            log.warning("a revision got no lock, trying again", schema=versions.parent.name, revision=revision)
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def is_unreachable(error: BaseException) -> bool:
    """The database is away for now; the same statement may work a moment later."""
    if isinstance(error, OSError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return error.connection_invalidated or _sqlstate(error).startswith(_SQLSTATE_UNREACHABLE)


def may_pass(error: BaseException) -> bool:
    """The database is away or too busy, or others were faster: the moment's fault, not that of what was asked."""
    if isinstance(error, PoolTimeoutError) or is_unreachable(error):
        return True
    return isinstance(error, DBAPIError) and _sqlstate(error).startswith(_SQLSTATE_BUSY)


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _now() -> float:
    return asyncio.get_running_loop().time()


Later = ColumnElement[Any] | Any
"""An interval, as a `timedelta` or in SQL."""


def some_of(
    table: Table, row_id: Column[Any], order: ColumnElement[Any], limit: int, *which: ColumnElement[bool]
) -> Update:
    """An update of up to so many of these rows, without those that another process is updating.

    It skips locked rows: waiting for one while holding others could deadlock.
    """
    chosen = select(row_id).where(*which).order_by(order).limit(limit).with_for_update(skip_locked=True)
    return update(table).where(row_id.in_(chosen))


def take_due(row_id: Column[Any], due_at: Column[Any], lease: Later, limit: int, *which: ColumnElement[bool]) -> Update:
    """An update that leases up to so many rows that are due; `due_at` says when any process may try again."""
    taken = some_of(row_id.table, row_id, due_at, limit, due_at <= func.now(), *which)
    return taken.values({due_at.name: func.now() + lease})
