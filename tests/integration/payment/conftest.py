"""A bench of payment-service and gateway, whose books are compared after each test."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.integration.conftest import ServiceDatabase
from tests.integration.payment.bench import Bench, GatewayClient, running_bench, running_gateway


@pytest.fixture
async def bench(service_database: ServiceDatabase) -> AsyncIterator[Bench]:
    """A payment-service with its real gateway; at the end both books must agree to the cent."""
    async with running_bench(service_database("payment_service"), service_database("payment_gateway")) as bench:
        yield bench
        await bench.assert_books_agree()


@pytest.fixture
async def client(service_database: ServiceDatabase) -> AsyncIterator[GatewayClient]:
    """A merchant's client of a gateway with empty books."""
    async with (
        running_gateway(service_database("payment_gateway")) as (url, _),
        aiohttp.ClientSession() as session,
    ):
        yield GatewayClient(session, url)


@pytest.fixture
async def client_of_bench(bench: Bench) -> AsyncIterator[GatewayClient]:
    """Someone who works at the bench's gateway by hand."""
    async with aiohttp.ClientSession() as session:
        yield GatewayClient(session, bench.gateway_url)
