"""One real stack for all the doctor's end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.client import StackClient
from devstack.settings import load_settings
from tests.e2e.conftest import running_stack
from tests.e2e.doctor.clinic import Clinic
from tests.e2e.shop import Shop


@pytest.fixture(scope="package")
def running_clinic() -> Iterator[Clinic]:
    with running_stack("core") as environment:
        home = Path(environment["SHOP_HOME"])
        ports = {"api_port": int(environment["SHOP_API_PORT"]), "base_port": int(environment["SHOP_BASE_PORT"])}
        stack = StackClient(home)
        shop = Shop(stack, stack.urls()["order-service"])
        yield Clinic(environment, load_settings(home=home, database_url=None, **ports), stack, shop)


@pytest.fixture
def clinic(running_clinic: Clinic, request: pytest.FixtureRequest) -> Iterator[Clinic]:
    """A healthy shop; after the test what was broken is mended, and the doctor finds nothing any more."""
    running_clinic.is_healthy(request.node.name)
    yield running_clinic
    running_clinic.is_healthy(request.node.name)
