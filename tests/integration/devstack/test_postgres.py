"""The embedded server survives whatever ends it."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import asyncpg
import psutil
import pytest

from devstack.postgres.passwords import load_passwords
from devstack.settings import load_settings, port_block_size
from devstack.topology.addresses import free_block
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.shop.registry import SHOP
from tests.integration.devstack.harness import eventually, postgres_command, running


def the_server(home: Path) -> tuple[DatabaseLayout, list[str]]:
    settings = load_settings(home=home, base_port=free_block(port_block_size(SHOP)), database_url=None)
    layout = database_layout(settings, load_passwords(load_settings(home=home)))
    return layout, postgres_command(home, settings.base_port + 1)


def query(layout: DatabaseLayout, *statements: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(layout.url_of_database("postgres"))
        try:
            answer = None
            for statement in statements:
                answer = await connection.fetchval(statement)
            return answer
        finally:
            await connection.close()

    return asyncio.run(run())


def answers(layout: DatabaseLayout) -> bool:
    try:
        query(layout, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True


def test_data_survives_a_kill(home: Path) -> None:
    """What was committed is there again, though the dead server couldn't clean up, nor its parent reap it."""
    layout, command = the_server(home)
    with running(command, {}, home / "postgres.log") as first:
        eventually(lambda: answers(layout), "the server answers")
        query(layout, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7)")
        os.kill(first.pid, signal.SIGKILL)
        # Not reaped until the block ends: a zombie, which Postgres itself takes for a living server.
        eventually(lambda: psutil.Process(first.pid).status() == psutil.STATUS_ZOMBIE, "the first server is dead")
        with running(command, {}, home / "postgres.log"):
            eventually(lambda: answers(layout), "the second server answers")
            assert query(layout, "SELECT id FROM kept") == 7


def test_the_log_quotes_no_row_that_was_turned_away(home: Path) -> None:
    """It would be a customer's data."""
    layout, command = the_server(home)
    with running(command, {}, home / "postgres.log"):
        eventually(lambda: answers(layout), "the server answers")
        query(layout, "CREATE TABLE orders (email text CHECK (email <> lower('ADA@EXAMPLE.ORG')))")
        with pytest.raises(asyncpg.CheckViolationError):
            query(layout, "INSERT INTO orders VALUES (lower('ADA@EXAMPLE.ORG'))")

    logged = (home / "postgres.log").read_text()
    assert "violates check constraint" in logged
    assert "ada@example.org" not in logged


def test_a_second_server_on_the_same_data_is_refused(home: Path) -> None:
    """The first one goes on unharmed."""
    layout, command = the_server(home)
    with running(command, {}, home / "postgres.log") as first:
        eventually(lambda: answers(layout), "the server answers")
        with running(command, {}, home / "second.log") as second:
            eventually(lambda: second.poll() is not None, "the second server ends")
        assert f"process {first.pid}) already runs" in (home / "second.log").read_text()
        assert answers(layout)


def test_lost_secrets_are_renewed(home: Path) -> None:
    """Deleting secrets.json locks nobody out of the data."""
    layout, command = the_server(home)
    with running(command, {}, home / "postgres.log"):
        eventually(lambda: answers(layout), "the server answers")
        query(layout, "CREATE TABLE kept (id int)")
    (home / "secrets.json").unlink()

    renewed, command = the_server(home)
    with running(command, {}, home / "postgres.log"):
        eventually(lambda: answers(renewed), "the server answers")
        assert query(renewed, "SELECT count(*) FROM kept") == 0


def test_an_interrupted_first_start_leaves_nothing_half_made(home: Path) -> None:
    """The data folder appears when it is complete."""
    layout, command = the_server(home)
    with running(command, {}, home / "postgres.log"):
        eventually((home / "postgres.draft").exists, "the data folder is being made")
    assert not (home / "postgres").exists()

    with running(command, {}, home / "postgres.log"):
        eventually(lambda: answers(layout), "the server answers")


def test_only_loopback_and_no_password_no_entry(home: Path) -> None:
    """Other users of the machine get in neither by the network nor by a socket file."""
    layout, command = the_server(home)
    with running(command, {}, home / "postgres.log") as server:
        eventually(lambda: answers(layout), "the server answers")
        listening = {
            connection.laddr.ip
            for connection in psutil.Process(server.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        assert not psutil.Process(server.pid).net_connections("unix")
        stranger = DatabaseLayout(
            layout.admin_url.replace(layout.passwords["superuser"], "wrong"),
            server_is_ours=True,
            passwords=layout.passwords,
            registry=layout.registry,
        )
        assert not answers(stranger)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_user_namespaces_runs_it_as_another_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in most containers; a kernel that forbids them is played by a PATH without `unshare`."""
    programs = home / "programs"
    programs.mkdir()
    for name in ("setpriv", "test"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    layout, command = the_server(home)

    with running(command, {}, home / "postgres.log") as server:
        eventually(lambda: answers(layout), "the server answers")
        assert psutil.Process(server.pid).uids().real != 0
