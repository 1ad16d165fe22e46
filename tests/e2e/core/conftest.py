"""One real stack of the core for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.settings import StackSettings, load_settings
from devstack.supervisor.client import StackClient
from tests.e2e.conftest import audited_shop, running_stack
from tests.e2e.shop import Shop


@pytest.fixture(scope="package")
def environment() -> Iterator[dict[str, str]]:
    """The environment of the running stack, for commands."""
    with running_stack() as variables:
        yield variables


@pytest.fixture(scope="package")
def stack(environment: dict[str, str]) -> StackClient:
    return StackClient(Path(environment["SHOP_HOME"]))


@pytest.fixture(scope="package")
def settings(environment: dict[str, str]) -> StackSettings:
    """The running stack's."""
    ports = {"api_port": int(environment["SHOP_API_PORT"]), "base_port": int(environment["SHOP_BASE_PORT"])}
    return load_settings(home=Path(environment["SHOP_HOME"]), database_url=None, **ports)


@pytest.fixture
def shop(stack: StackClient, environment: dict[str, str]) -> Iterator[Shop]:
    """The shop; after the test every order has ended and conservation holds."""
    with audited_shop(stack, environment) as shop:
        yield shop
