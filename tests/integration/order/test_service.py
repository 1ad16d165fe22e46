"""The order-service as a process: it is composed, migrates its schema and answers, with and without the fraud check."""

import asyncio

import pytest

from order_service.approval.terms import Switch
from tests.integration.conftest import ServiceDatabase
from tests.integration.service_process import running

NOWHERE = "http://127.0.0.1:1"


@pytest.mark.parametrize("check", list(Switch))
def test_the_service_starts_and_shows_what_waits(service_database: ServiceDatabase, check: Switch) -> None:
    """The approval service is there either way: orders may wait from before the check was switched off."""
    url = service_database("order_service")

    async def ask() -> None:
        more = {"INVENTORY_URL": NOWHERE, "AUDITOR_DATABASE_URL": url, "SHOP_FRAUD_CHECK": check.value}
        async with running("order_service", url, **more) as service:
            assert await service.get("/approvals") == (200, {"items": [], "next_cursor": None})
            status, problem = await service.get("/orders/ord-nobody/approval")
            assert (status, problem["detail"]) == (404, "There is no order ord-nobody.")
            assert "/orders/{order_id}/approval" in (await service.get("/openapi.json"))[1]["paths"]

    asyncio.run(ask())
