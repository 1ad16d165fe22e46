"""A stack of its own, on which the reconciler, the leases and the retention are in a hurry."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import pytest
from dapr.ext.workflow.aio import DaprWorkflowClient

from devstack.postgres.passwords import DAPR, load_passwords
from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient
from devstack.topology.addresses import app_ports
from devstack.topology.layout import DatabaseLayout, database_layout
from shared.shop.order import ORDER_SERVICE
from shared.workflows.client import DaprEngine
from tests.e2e.conftest import audited_shop, running_stack
from tests.e2e.shop import Shop

T = TypeVar("T")

HURRY: Final = {
    "SHOP_RECONCILE_SECONDS": "0.5",
    "SHOP_RECONCILE_AUDIT_SECONDS": "0.5",
    "SHOP_RECONCILE_GRACE_SECONDS": "2",
    "SHOP_RECONCILE_CONFIRM_SECONDS": "3",
    "SHOP_STUCK_MARGIN_SECONDS": "2",
    "SHOP_UNDO_PATIENCE_SECONDS": "3",
    "SHOP_RESERVATION_LEASE_SECONDS": "4",
    "SHOP_LEASE_SWEEP_SECONDS": "0.5",
    "SHOP_WORKFLOW_RETENTION_SECONDS": "8",
    "SHOP_LATE_RESULT_SECONDS": "12",
}


@pytest.fixture(scope="package")
def hurried() -> Iterator[dict[str, str]]:
    """The environment of the running stack."""
    with running_stack(**HURRY) as variables:
        yield variables


class Backstage:
    """What customers don't see of the stack: its databases, and its workflow engine."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.settings = StackSettings.model_validate(environment)
        self.layout: DatabaseLayout = database_layout(self.settings, load_passwords(self.settings))

    def engine(self, call: Callable[[DaprWorkflowClient], Awaitable[T]]) -> T:
        """Ask the order-service's sidecar."""

        async def ask() -> T:
            port = app_ports(self.settings, ORDER_SERVICE).dapr_grpc
            return await call(DaprWorkflowClient(host="127.0.0.1", port=str(port)))

        return asyncio.run(ask())

    def status_of(self, instance_id: str) -> str | None:
        """The engine's word for a workflow; None if it has none. A read that fails is repeated."""

        async def read() -> str | None:
            found = await DaprEngine("127.0.0.1", app_ports(self.settings, ORDER_SERVICE).dapr_grpc).instance(
                instance_id
            )
            return None if found is None else found.status.name

        return asyncio.run(read())

    def terminate(self, instance_id: str) -> None:
        self.engine(lambda client: client.terminate_workflow(instance_id))

    def purge(self, instance_id: str) -> None:
        self.engine(lambda client: client.purge_workflow(instance_id))

    def rows_of(self, order_id: str) -> int:
        """How much of the order's workflows is in the state store."""
        return int(str(self.sql(DAPR, f"SELECT count(*) FROM state WHERE key LIKE '%{order_id}%'")))

    def placed(self, order_id: str) -> dict[str, Any]:
        """The order as its workflow was given it."""
        query = f"SELECT placed FROM order_service.orders WHERE order_id = '{order_id}'"
        placed: dict[str, Any] = json.loads(str(self.sql("order_service", query)))
        return placed

    def sql(self, owner: str, query: str) -> object:
        """One value, as this role sees it."""

        async def fetch() -> object:
            connection = await asyncpg.connect(self.layout.url_of(owner))
            try:
                return await connection.fetchval(query)
            finally:
                await connection.close()

        return asyncio.run(fetch())


@pytest.fixture(scope="package")
def backstage(hurried: dict[str, str]) -> Backstage:
    return Backstage(hurried)


@pytest.fixture
def shop(hurried: dict[str, str]) -> Iterator[Shop]:
    """The shop; after the test every order has ended and conservation holds."""
    with audited_shop(StackClient(Path(hurried["SHOP_HOME"])), hurried) as shop:
        yield shop
