"""`dapr.yaml` and `shop dapr-env` are all that a starter of apps needs: here one that does what `dapr run` does."""

import json
import os
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.dapr_cli.run_file import COMMON, PER_APP
from devstack.supervisor.client import StackClient
from shared.shop.registry import CORE_APPS
from tests.e2e.conftest import PROJECT, running_stack, shop_command
from tests.e2e.shop import Shop, an_order, eventually, unless_away

FLAGS = {key: flag for flag, key in {**COMMON, **PER_APP}.items()}
ENDS_WITHIN_SECONDS = 30


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What apps need, and no app."""
    with running_stack("core", arguments=("--without-apps",)) as variables:
        yield variables


def test_apps_that_others_start_complete_an_order(environment: dict[str, str]) -> None:
    """Each with the command, the ports and the resources of the file, and without a password in it."""
    described = yaml.safe_load(shop_command(environment, "dapr-run-file").stdout)
    exported = environment | exports(shop_command(environment, "dapr-env").stdout)
    shop = Shop(StackClient(Path(environment["SHOP_HOME"])), f"http://127.0.0.1:{environment['SHOP_API_PORT']}")

    with ExitStack() as apps:
        for app in described["apps"]:
            if app["appID"] in CORE_APPS:
                apps.enter_context(running(sidecar(described["common"], app, exported), exported))
                apps.enter_context(running(app["command"], exported))
        for app in (app for app in described["apps"] if app["appID"] in CORE_APPS):
            ask = partial(connected, app["daprHTTPPort"])
            eventually(partial(unless_away, ask), f"{app['appID']} is connected")
        order_id = eventually(lambda: unless_away(lambda: accepted(shop)), "the prices are there")

        assert shop.end_of(order_id)["status"] == "completed"
        assert shop.conservation()["holds"]


def sidecar(common: dict[str, Any], app: dict[str, Any], environment: dict[str, str]) -> list[str]:
    """The command by which the Dapr CLI starts the sidecar of an app."""
    daprd = Path(environment["DAPR_RUNTIME_PATH"]) / ".dapr" / "bin" / "daprd"
    values = {key: value for key, value in {**common, **app}.items() if key in FLAGS}
    return [str(daprd), "--app-id", app["appID"], *(f"--{FLAGS[key]}={value}" for key, value in values.items())]


def exports(script: str) -> dict[str, str]:
    """The variables that a shell has after `eval`."""
    words = [word for line in script.splitlines() for word in shlex.split(line)[1:]]
    return dict(word.split("=", 1) for word in words)


def connected(dapr_http_port: int) -> bool | None:
    """Whether a sidecar has its worker, and placement knows it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{dapr_http_port}/v1.0/metadata", timeout=10) as answer:
        metadata = json.load(answer)
    worker = metadata.get("workflows", {}).get("connectedWorkers")
    return True if worker and metadata.get("actorRuntime", {}).get("hostReady") else None


def accepted(shop: Shop) -> str | None:
    """The order's id once the order-service knows the prices."""
    answer = shop.post_order(an_order(), "dapr-run")
    return str(answer.body["order_id"]) if answer.status == 202 else None


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A process in the project's folder, as `appDirPath` says."""
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(ENDS_WITHIN_SECONDS)
