"""The inventory-service as a whole: its contracts through the envelope, and its process."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from inventory_service.__main__ import compose
from inventory_service.activities import serve_inventory
from inventory_service.settings import InventorySettings
from shared.contracts.call import ActivityCall
from shared.database import create_engine
from shared.participant.activities import Activity, ActivityHost
from shared.participant.errors import NonRetryableError
from shared.participant.faults import FaultInjector, InjectedOutageError
from shared.participant.fence import Fence
from shared.shop.inventory import INVENTORY, INVENTORY_SERVICE
from tests.integration.conftest import ServiceDatabase
from tests.integration.inventory.world import Inventory
from tests.integration.service_process import ServiceProcess, running


class Activities(dict[str, Activity]):
    """Takes activities as the SDK's runtime does, and calls them as the saga does."""

    def register_activity(self, fn: Activity, *, name: str) -> None:
        self[name] = fn

    async def call(self, name: str, request: dict[str, Any], *faults: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        call = ActivityCall.model_validate(
            {"saga_id": "order-1", "step": "reserve_stock", "attempt": 1, "request": request, "faults": faults}
        )
        reply = await self[name](None, call.model_dump(mode="json"))  # type: ignore[arg-type] # it isn't looked at
        return reply["response"]


@pytest.fixture
def activities(inventory: Inventory) -> Activities:
    host = ActivityHost(INVENTORY_SERVICE, fence=Fence(inventory.database), injector=FaultInjector(inventory.database))
    serve_inventory(host, inventory.stock)
    registered = Activities()
    host.register(registered)
    return registered


def wanted(quantity: int) -> dict[str, Any]:
    return {"lines": [{"sku": "A", "quantity": quantity}]}


def test_every_contract_is_served_and_nothing_else() -> None:
    settings = InventorySettings(
        service_database_url="postgresql://nobody@127.0.0.1:1/none",
        service_http_port=1,
        dapr_grpc_port=1,
        dapr_http_port=1,
        order_url="http://127.0.0.1:1",
    )

    assert compose(settings).activities.names == {contract.activity for contract in INVENTORY.contracts}


async def test_reserve_and_release_through_the_envelope(activities: Activities, inventory: Inventory) -> None:
    await inventory.stocked(A=5)

    assert set(await activities.call("reserve_stock", wanted(2))) == {"reservation_id"}
    released = await activities.call("release_stock", {"reason": "the parcel can't be sent"})
    assert released == {"released_units": 2, "by_hand": None}


async def test_out_of_stock_is_a_refusal(activities: Activities, inventory: Inventory) -> None:
    await inventory.stocked(A=1)

    with pytest.raises(NonRetryableError, match=r"^out of stock: only 1 of A left, 2 wanted$"):
        await activities.call("reserve_stock", wanted(2))


async def test_a_lost_reply_is_found_again(activities: Activities, inventory: Inventory) -> None:
    """The first attempt commits and fails; the second gets the answer and takes nothing more."""
    await inventory.stocked(A=5)
    fault = {"activity": "reserve_stock", "mode": "lose_reply"}
    with pytest.raises(InjectedOutageError):
        await activities.call("reserve_stock", wanted(2), fault)
    assert await inventory.available() == {"A": 3}

    await activities.call("reserve_stock", wanted(2), fault)

    assert await inventory.available() == {"A": 3}


async def test_two_replicas_start_at_once_on_an_empty_database(
    service_database: ServiceDatabase, tmp_path: Path
) -> None:
    """Both migrate, seed and live; the catalogue is there once; SIGTERM ends them well."""
    url = service_database("inventory_service", migrations=tmp_path)
    async with AsyncExitStack() as stack:
        starting = (stack.enter_async_context(running("inventory_service", url)) for _ in range(2))
        replicas = await asyncio.gather(*starting)
        for replica in replicas:
            await _check(replica)
        assert [await replica.stop() for replica in replicas] == [0, 0]

    database = create_engine(url, application_name="tests")
    inventory = Inventory(database)
    assert await inventory.count("stock_receipts") == await inventory.count("products") >= 60
    assert await inventory.unbalanced() == []
    await database.dispose()


async def _check(replica: ServiceProcess) -> None:
    """It serves its products, and isn't ready without a sidecar."""
    status, page = await replica.get("/products?limit=500")
    assert (status, len(page["items"]) >= 60) == (200, True)
    status, problem = await replica.get("/readyz")
    assert (status, problem["status"]) == (503, 503)
    assert problem["detail"].startswith("The sidecar doesn't answer")
