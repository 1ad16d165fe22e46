"""The real stack, started as a person starts it: on the embedded server, on the user's own, and interrupted."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from devstack.settings import port_block_size
from devstack.supervisor.client import StackClient
from devstack.supervisor.own_stack import fresh_settings, own_environment
from devstack.topology.addresses import is_free
from shared.service.settings import ShopMode
from shared.shop.registry import SHOP
from tests.integration.devstack.harness import PROJECT, eventually

pytestmark = pytest.mark.e2e

IDLE_STACK_BYTES = 1_200_000_000


class Shop:
    """The `shop` command, for a state folder and ports of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        settings = fresh_settings(home, print, mode=ShopMode.TEST)
        self.base_port = settings.api_port
        self.client = StackClient(home)
        self.environment = own_environment(settings.environment())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command."""
        command = [sys.executable, "-m", "cli", *arguments]
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; its exit code and all it said."""
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=180)
        return process.returncode, said

    def nothing_runs(self) -> bool:
        return not self.client.is_running() and all(
            is_free(port) for port in range(self.base_port, self.base_port + port_block_size(SHOP))
        )


@pytest.fixture
def shop(home: Path) -> Iterator[Shop]:
    """Nothing of it runs at the end."""
    shop = Shop(home)
    yield shop
    code, said = shop.run("down")
    assert code == 0, said
    assert shop.nothing_runs()


def test_the_stack_comes_up_small_and_goes_down_clean(shop: Shop) -> None:
    """With its data kept: the second start finds the first one's server."""
    code, said = shop.run("up", "--detach", "--only", "core")
    assert code == 0, said
    assert "order-service ready" in said
    assert f"the shop answers at http://127.0.0.1:{shop.base_port} (test mode)" in said

    code, said = shop.run("status", "--json")
    assert code == 0, said
    status = json.loads(said)
    assert status["totals"]["memory_bytes"] <= IDLE_STACK_BYTES
    assert all("core" in process["groups"] for process in status["processes"])
    version = (shop.home / "postgres" / "shop-superuser.sha256").read_text()

    assert shop.run("down")[0] == 0
    assert shop.nothing_runs()

    code, said = shop.run("up", "--detach", "--only", "core")
    assert code == 0, said
    assert (shop.home / "postgres" / "shop-superuser.sha256").read_text() == version


def test_the_stack_runs_on_the_users_own_server(shop: Shop, postgres_url: str) -> None:
    """Its database is made; no embedded server is."""
    shop.environment["DATABASE_URL"] = f"{postgres_url.rpartition('/')[0]}/a_users_shop"

    code, said = shop.run("up", "--detach", "--only", "core")

    assert code == 0, said
    assert not (shop.home / "postgres").exists()
    assert "postgres" not in {row.name for row in shop.client.status().processes}


def test_a_server_that_is_away_is_named(shop: Shop) -> None:
    """Instead of a stack that half works."""
    shop.environment["DATABASE_URL"] = f"postgresql://admin:secret@127.0.0.1:{shop.base_port}/webshop"

    code, said = shop.run("up", "--detach", "--only", "core")

    assert code == 1
    assert "the Postgres server can't be used" in said
    assert "secret" not in said


def test_a_detached_start_that_is_interrupted_leaves_nothing(shop: Shop) -> None:
    """Ctrl-C while the sidecars wait for their services."""
    starting = shop.start("up", "--detach", "--only", "core")
    assert starting.stdout is not None
    for line in starting.stdout:
        if line.startswith("database ready"):
            break

    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=60)

    assert starting.returncode == 130
    assert shop.nothing_runs()


def test_a_foreground_start_ends_with_ctrl_c(shop: Shop) -> None:
    """In good order, and with exit code 0, when it was up."""
    foreground = shop.start("up", "--only", "core")
    assert foreground.stdout is not None
    for line in foreground.stdout:
        if line.startswith("the shop answers"):
            break

    foreground.send_signal(signal.SIGINT)
    said, _ = foreground.communicate(timeout=60)

    assert foreground.returncode == 0
    assert said == "stopping\nstopped; the data is kept\n"
    assert shop.nothing_runs()


def test_the_stack_starts_after_everything_was_killed(shop: Shop) -> None:
    """The scheduler takes its time, and is waited for, since no workflow would move before."""
    assert shop.run("up", "--detach", "--only", "core")[0] == 0
    state = shop.client.state()
    victims = [identity.find() for identity in (state.supervisor, *state.processes.values())]
    for victim in victims:
        if victim is not None:
            victim.kill()
    eventually(lambda: not shop.client.is_running(), "the supervisor is gone")

    code, said = shop.run("up", "--detach", "--only", "core")

    assert code == 0, said
    assert not any(
        victim.is_running() and victim.status() != psutil.STATUS_ZOMBIE for victim in victims if victim is not None
    )
    assert shop.client.is_ready("scheduler")
