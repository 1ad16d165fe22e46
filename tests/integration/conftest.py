"""A real Postgres for the integration tests: one throwaway server, and a fresh migrated database for whoever asks."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest

from devstack.postgres.passwords import SUPERUSER_PASSWORD, ensure_passwords
from devstack.postgres.server import prepare, server_command
from devstack.topology.addresses import free_block
from shared.database import migrate

T = TypeVar("T")

PROJECT: Final = Path(__file__).parents[2]
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
UNSAFE_BUT_FAST: Final = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
ROLE_PASSWORD: Final = "of-a-throwaway-server"


class ServiceDatabase(Protocol):
    """Makes a fresh database for one test and returns the service's SERVICE_DATABASE_URL."""

    def __call__(self, service_name: str, *, migrations: Path | None = None) -> str:
        """A database with the service's role and schema, migrated (by default with `<service_name>/migrations`)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lives in this folder needs a real Postgres."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="package")
def postgres_url() -> Iterator[str]:
    """The superuser's URL of a Postgres that lives as long as the test session."""
    home = Path(tempfile.mkdtemp(prefix="saga-shop-tests-"))
    # Where root must become another user to run Postgres, that user has to reach the data.
    home.chmod(0o755)
    server: subprocess.Popen[bytes] | None = None
    try:
        data, privileges = prepare(home)
        port = free_block(1)
        with (home / "postgres.log").open("wb") as log:
            server = subprocess.Popen(
                [*server_command(data, port, privileges), *UNSAFE_BUT_FAST],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                # Ctrl-C in the terminal is for the tests, which then stop the server in good order.
                start_new_session=True,
            )
        password = ensure_passwords(home, [SUPERUSER_PASSWORD])[SUPERUSER_PASSWORD]
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        if not _run_apart(_answers(url, server)):
            pytest.fail(f"the test Postgres did not start:\n{(home / 'postgres.log').read_text()[-2000:]}")
        yield url
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def template_of(postgres_url: str) -> Callable[[str, Path], str]:
    """Returns the name of a migrated database of the service, made at the first request, to be copied."""
    made: dict[tuple[str, Path], str] = {}

    def template(service_name: str, migrations: Path) -> str:
        key = (service_name, migrations)
        if key not in made:
            name = f"template_{service_name}_{len(made)}"
            _run_apart(_make_template(postgres_url, name, service_name, migrations))
            made[key] = name
        return made[key]

    return template


_numbers = count(1)


@pytest.fixture
def service_database(postgres_url: str, template_of: Callable[[str, Path], str]) -> Iterator[ServiceDatabase]:
    """A factory of fresh databases, which are dropped after the test."""
    created: list[str] = []

    def create(service_name: str, *, migrations: Path | None = None) -> str:
        template = template_of(service_name, migrations or PROJECT / service_name / "migrations")
        name = f"{service_name}_{next(_numbers)}"
        _run_apart(_execute(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        created.append(name)
        return _role_url(postgres_url, service_name, name)

    yield create
    for name in created:
        _run_apart(_execute(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)'))


def _run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end on a loop of its own, also when the caller is a running loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            await (await asyncpg.connect(url, timeout=5)).close()
        except (OSError, asyncpg.CannotConnectNowError):
            if server.poll() is not None or time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        else:
            return True


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # Postgres' fast shutdown: it doesn't wait for its clients
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


async def _make_template(admin_url: str, name: str, service_name: str, migrations: Path) -> None:
    """As `devstack.postgres.prepare` prepares the real server: a role that owns a schema and sees nothing else."""
    with contextlib.suppress(asyncpg.DuplicateObjectError):
        await _execute(admin_url, f"CREATE ROLE \"{service_name}\" LOGIN PASSWORD '{ROLE_PASSWORD}'")
    await _execute(
        admin_url,
        f'ALTER ROLE "{service_name}" SET search_path = "{service_name}"',
        f'CREATE DATABASE "{name}" TEMPLATE template0',
    )
    await _execute(
        urlsplit(admin_url)._replace(path=f"/{name}").geturl(),
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f'CREATE SCHEMA "{service_name}" AUTHORIZATION "{service_name}"',
    )
    await migrate(_role_url(admin_url, service_name, name), migrations)


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _role_url(admin_url: str, service_name: str, database: str) -> str:
    place = urlsplit(admin_url).netloc.rpartition("@")[2]
    return f"postgresql://{service_name}:{ROLE_PASSWORD}@{place}/{database}"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What every service reads at its start, leading nowhere; more can be set on it."""
    for name in ("SERVICE_HTTP_PORT", "DAPR_GRPC_PORT", "DAPR_HTTP_PORT"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SERVICE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    return monkeypatch
