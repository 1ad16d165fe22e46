"""Real stacks for the end-to-end tests, each on ports and in a folder of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.programs.build import ensure_broker
from devstack.supervisor.client import StackClient
from devstack.supervisor.own_stack import fresh_settings, own_environment, own_settings
from shared.service.settings import ShopMode
from tests.e2e.shop import Shop

PROJECT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lives in this folder needs the whole stack."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def stack_environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a stack of the tests' own, which shares nothing with a running `make up` but the binaries."""
    settings = fresh_settings(home, print, mode=ShopMode.TEST, nats_server=ensure_broker(own_settings(), print))
    return own_environment({**settings.environment(), **more})


def shop_command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `shop` as a person would."""
    command = [sys.executable, "-m", "cli", *arguments]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=180
    )


@contextmanager
def running_stack(*groups: str, arguments: Sequence[str] = (), **variables: str) -> Iterator[dict[str, str]]:
    """The environment of a fresh stack (the core, or these groups), up and ready; stopped and removed in the end.

    `KEEP_E2E_LOGS` names a folder for its logs.
    """
    home = Path(tempfile.mkdtemp(prefix="saga-shop-e2e-"))
    # Where root must become another user to run Postgres, that user has to reach the data.
    home.chmod(0o755)
    environment = stack_environment(home, **variables)
    chosen = (word for group in groups or ("core",) for word in ("--only", group))
    started = shop_command(environment, "up", "--detach", *arguments, *chosen)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield environment
    finally:
        stopped = shop_command(environment, "down")
        if keep := os.environ.get("KEEP_E2E_LOGS"):
            shutil.copytree(home / "logs", Path(keep) / home.name, dirs_exist_ok=True)
        shutil.rmtree(home, ignore_errors=True)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr


@contextmanager
def audited_shop(stack: StackClient, environment: dict[str, str]) -> Iterator[Shop]:
    """The stack's shop; at the end every order has ended and conservation holds."""
    stack.wait_ready()
    shop = Shop(stack, f"http://127.0.0.1:{environment['SHOP_API_PORT']}")
    yield shop
    stack.wait_ready()
    shop.all_end()
    report = shop.conservation()
    assert report["holds"], report["violations"]
