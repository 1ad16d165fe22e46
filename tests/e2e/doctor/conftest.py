"""One real stack for all the doctor's end-to-end tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.settings import load_settings
from devstack.supervisor.client import StackClient
from tests.e2e.conftest import running_stack
from tests.e2e.doctor.doctor_shop import DoctorShop
from tests.e2e.shop import Shop


@pytest.fixture(scope="package")
def running_doctor_shop() -> Iterator[DoctorShop]:
    with running_stack("core") as environment:
        home = Path(environment["SHOP_HOME"])
        ports = {"api_port": int(environment["SHOP_API_PORT"]), "base_port": int(environment["SHOP_BASE_PORT"])}
        stack = StackClient(home)
        shop = Shop(stack, stack.urls()["order-service"])
        yield DoctorShop(environment, load_settings(home=home, database_url=None, **ports), stack, shop)


@pytest.fixture
def doctor_shop(running_doctor_shop: DoctorShop, request: pytest.FixtureRequest) -> Iterator[DoctorShop]:
    """A healthy shop; after the test what was broken is mended, and the doctor finds nothing any more."""
    running_doctor_shop.is_healthy(request.node.name)
    yield running_doctor_shop
    running_doctor_shop.is_healthy(request.node.name)
