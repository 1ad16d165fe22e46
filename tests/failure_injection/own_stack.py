"""A stack that a module of tests has for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.settings import load_settings
from devstack.supervisor.client import StackClient
from tests.e2e.conftest import running_stack
from tests.e2e.shop import Shop
from tests.failure_injection.evidence import Evidence


@contextmanager
def own_stack(*groups: str, **variables: str) -> Iterator[tuple[Shop, Evidence]]:
    """`running_stack`, as the shop that it is and what can be seen behind it."""
    with running_stack(*groups, **variables) as environment:
        home = Path(environment["SHOP_HOME"])
        ports = {"api_port": int(environment["SHOP_API_PORT"]), "base_port": int(environment["SHOP_BASE_PORT"])}
        settings = load_settings(home=home, database_url=None, **ports)
        stack = StackClient(home)
        # On a host of its own the order-service has an address of its own.
        yield Shop(stack, stack.urls()["order-service"]), Evidence(settings)
