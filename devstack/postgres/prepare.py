"""Prepares a Postgres server for the shop (`python -m devstack.postgres.prepare`): databases, roles, schemas, rights.

Idempotent, and safe when several processes do it at once. It runs before any service starts.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import sys
import time

import asyncpg

from devstack.errors import BootstrapError, StackError
from devstack.postgres.passwords import AUDIT_WRITER, AUDITOR, DAPR, load_passwords
from devstack.settings import load_settings
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.contracts.app import App
from shared.migrations import MIGRATION_LOCK
from shared.migrations.auditor import admit_auditor
from shared.shop.audit import AUDIT

# Any number will do, as long as it is the same for all who bootstrap.
LOCK_KEY = 7240151
CONNECT_TIMEOUT_SECONDS = 10
RETRY_SECONDS = 0.2
SERVER_UP_WITHIN_SECONDS = 30
MAINTENANCE_DATABASE = "postgres"

Connection = asyncpg.Connection

ITERATIONS = 4096
SALT_BYTES = 16


def identifier(name: str) -> str:
    """A name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text quoted for SQL statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


async def bootstrap(layout: DatabaseLayout) -> None:
    """Bring the server to the state that the services rely on; raises `BootstrapError` with what to do."""
    await _create_main_database(layout)
    admin = await _connect(layout.admin_url)
    try:
        await _lock(admin, LOCK_KEY)
        await _check_rights(admin, layout)
        await _create_roles(admin, layout)
        await _grant_database(admin, layout)
        # A service that migrates gives the auditor the same rights, and of two at once one would fail.
        await _lock(admin, MIGRATION_LOCK)
        for app in layout.registry.apps:
            await _create_schema(admin, layout, app)
        if layout.registry.find(AUDIT.app_id):
            await _admit_audit_writer(admin, layout)
        await _create_state_store(admin, layout)
        if layout.server_is_ours:
            await _close_other_databases(admin)
    except asyncpg.InsufficientPrivilegeError as error:
        raise BootstrapError(f"{error}; {_cure(layout)}") from None
    finally:
        # Closing the session releases the lock.
        await admin.close()


async def _connect(url: str) -> Connection:
    deadline = time.monotonic() + SERVER_UP_WITHIN_SECONDS
    while True:
        try:
            return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
        except (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def _create_main_database(layout: DatabaseLayout) -> None:
    """Create the shop's database when the server hasn't got it."""
    try:
        await (await _connect(layout.admin_url)).close()
    except asyncpg.InvalidCatalogNameError:
        maintenance = await _connect(layout.url_of_database(MAINTENANCE_DATABASE))
        try:
            await _create_database(maintenance, layout.database, owner=None)
        finally:
            await maintenance.close()


async def _create_database(admin: Connection, name: str, owner: str | None) -> None:
    """Create a database unless it is there; two at once may both find it missing."""
    if await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
        return
    owned = f" OWNER {identifier(owner)}" if owner else ""
    try:
        await admin.execute(f"CREATE DATABASE {identifier(name)}{owned} TEMPLATE template0 ENCODING 'UTF8'")
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return
    except asyncpg.InsufficientPrivilegeError:
        raise BootstrapError(
            f"the user of DATABASE_URL may not create the database {name}: create it yourself, or run "
            "`ALTER ROLE <user> CREATEDB CREATEROLE` as a superuser"
        ) from None


async def _lock(admin: Connection, key: int) -> None:
    """Held until the connection ends. Never by waiting for it: who builds an index would wait for that statement."""
    while not await admin.fetchval("SELECT pg_try_advisory_lock($1)", key):  # noqa: ASYNC110 - what is waited for is another session
        await asyncio.sleep(RETRY_SECONDS)


async def _check_rights(admin: Connection, layout: DatabaseLayout) -> None:
    row = await admin.fetchrow(
        """
        SELECT rolsuper OR (rolcreaterole AND rolcreatedb AND pg_has_role(datdba, 'MEMBER')) AS enough
        FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
        """
    )
    if row is None or not row["enough"]:
        raise BootstrapError(f"the user of DATABASE_URL may not prepare the server for the shop: {_cure(layout)}")


def _cure(layout: DatabaseLayout) -> str:
    user, database = identifier(layout.admin_user), identifier(layout.database)
    return (
        "run this as a superuser, or name a superuser in DATABASE_URL: "
        f"ALTER ROLE {user} CREATEROLE CREATEDB; ALTER DATABASE {database} OWNER TO {user};"
    )


async def _create_roles(admin: Connection, layout: DatabaseLayout) -> None:
    for owner in (*layout.registry.schemas, AUDIT_WRITER, DAPR, AUDITOR):
        role = identifier(layout.role(owner))
        known = await admin.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", layout.role(owner))
        if not known or not await _logs_in(layout, owner):
            # A verifier instead of the password: statements end up in server logs.
            password = f"LOGIN PASSWORD {literal(scram_verifier(layout.passwords[owner]))}"
            await admin.execute(f"{'ALTER' if known else 'CREATE'} ROLE {role} {password}")
        # An administrator who is no superuser must be a member to act for the role.
        await admin.execute(f"GRANT {role} TO CURRENT_USER")


async def _logs_in(layout: DatabaseLayout, owner: str) -> bool:
    try:
        connection = await _connect(layout.url_of(owner))
    except asyncpg.InvalidCatalogNameError:
        # The password is checked before the database is looked for: it works.
        return True
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
        return False
    except asyncpg.InsufficientPrivilegeError:
        return True
    await connection.close()
    return True


async def _grant_database(admin: Connection, layout: DatabaseLayout) -> None:
    database = identifier(layout.database)
    await admin.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
    await admin.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for owner in layout.registry.schemas:
        await admin.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {identifier(layout.role(owner))}")
    auditor = identifier(layout.role(AUDITOR))
    await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {auditor}")
    await admin.execute(f"ALTER ROLE {auditor} IN DATABASE {database} SET default_transaction_read_only = on")
    if layout.registry.readable_schemas:
        path = ", ".join(identifier(schema) for schema in layout.registry.readable_schemas)
        await admin.execute(f"ALTER ROLE {auditor} IN DATABASE {database} SET search_path = {path}")


async def _create_schema(admin: Connection, layout: DatabaseLayout, app: App) -> None:
    """One schema per service, its role's own; of tables that are there already, the auditor reads what it needs."""
    schema, role = identifier(app.package), identifier(layout.role(app.package))
    await admin.execute(f"CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {role}")
    await admin.execute(f"ALTER ROLE {role} IN DATABASE {identifier(layout.database)} SET search_path = {schema}")
    async with admin.transaction():
        # Only the owner can grant on what it owns.
        await admin.execute(f"SET LOCAL ROLE {role}")
        await admin.execute(f"SET LOCAL search_path = {schema}")
        await admin.execute(f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC")
        await admin.execute(admit_auditor(app.auditor_reads))


async def _admit_audit_writer(admin: Connection, layout: DatabaseLayout) -> None:
    """Whoever runs the audit-service comes into the owner's schema; `audit_service.schema` says to which tables."""
    database, writer = identifier(layout.database), identifier(layout.role(AUDIT_WRITER))
    await admin.execute(f"GRANT CONNECT ON DATABASE {database} TO {writer}")
    await admin.execute(f"ALTER ROLE {writer} IN DATABASE {database} SET search_path = {AUDIT.package}")
    async with admin.transaction():
        await admin.execute(f"SET LOCAL ROLE {identifier(layout.role(AUDIT.package))}")
        await admin.execute(f"GRANT USAGE ON SCHEMA {AUDIT.package} TO {writer}")


async def _create_state_store(admin: Connection, layout: DatabaseLayout) -> None:
    """Dapr's workflow state lives in a database of its own, which no service may enter."""
    role = layout.role(DAPR)
    await _create_database(admin, layout.state_database, owner=role)
    async with admin.transaction():
        await admin.execute(f"SET LOCAL ROLE {identifier(role)}")
        await admin.execute(f"REVOKE ALL ON DATABASE {identifier(layout.state_database)} FROM PUBLIC")


async def _close_other_databases(admin: Connection) -> None:
    for database in (MAINTENANCE_DATABASE, "template1"):
        await admin.execute(f"REVOKE ALL ON DATABASE {identifier(database)} FROM PUBLIC")


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """The verifier of an ASCII password, as `ALTER ROLE ... PASSWORD` takes it (SCRAM-SHA-256, RFC 5803)."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored_key = hashlib.sha256(_sign(salted, b"Client Key")).digest()
    server_key = _sign(salted, b"Server Key")
    return f"SCRAM-SHA-256${ITERATIONS}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def _sign(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def main() -> None:
    """Prepare the server that the settings name."""
    try:
        settings = load_settings()
        asyncio.run(bootstrap(database_layout(settings, load_passwords(settings))))
    except StackError as error:
        sys.exit(f"database: {error}")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        sys.exit(f"database: the Postgres server can't be used: {error}; check DATABASE_URL, or unset it")


if __name__ == "__main__":
    main()
