"""Gateway and payment-service as processes of their own: they start, end in good order, and survive a SIGKILL."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from devstack.topology.addresses import free_block
from payment_service.gateway import GatewayOutageError, HttpGateway
from payment_service.payments import Payments
from payment_service.store import PaymentStore
from shared.database import create_engine
from tests.integration.conftest import PROJECT, ServiceDatabase
from tests.integration.payment.bench import Bench, a_key, a_payment, given_back
from tests.waiting import eventually

pytestmark = pytest.mark.integration


class ModuleProcess:
    """`python -m <module>`, started and ended as the stack does."""

    def __init__(self, module: str, database_url: str, log: Path, ready_path: str = "/readyz", **more: str) -> None:
        port = free_block(1)
        self.url = f"http://127.0.0.1:{port}"
        self._module = module
        self._log = log
        self._ready_url = self.url + ready_path
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "SERVICE_HTTP_PORT": str(port),
            "SERVICE_DATABASE_URL": database_url,
            "SHOP_MODE": "test",
            **more,
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, cwd=PROJECT, env=self._environment, stdout=log, stderr=log
            )
        await eventually(self._is_ready)

    async def end(self, signal_number: signal.Signals) -> int:
        """Send the signal, wait, and return the exit code."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(signal_number)
        return await self._process.wait()

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self._log.read_text()
        try:
            async with aiohttp.ClientSession() as session, session.get(self._ready_url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


def a_gateway(database_url: str, log: Path) -> ModuleProcess:
    """A gateway whose slow card is answered later than any test waits."""
    return ModuleProcess("payment_gateway", database_url, log, GATEWAY_SLOW_SECONDS="600")


@asynccontextmanager
async def a_shop(process: ModuleProcess, database_url: str, gateway_database_url: str) -> AsyncIterator[Bench]:
    """A payment-service beside the gateway's process."""
    database = create_engine(database_url, application_name="payment-service")
    gateway_database = create_engine(gateway_database_url, application_name="test")
    gateway = HttpGateway(process.url, timeout_seconds=10)
    try:
        yield Bench(process.url, gateway_database, database, gateway)
    finally:
        await gateway.close()
        await database.dispose()
        await gateway_database.dispose()


@pytest.mark.parametrize("settled_by", ["retry", "undo"])
async def test_a_gateway_killed_in_mid_charge_loses_no_cent(
    service_database: ServiceDatabase, tmp_path: Path, settled_by: str
) -> None:
    """It dies after its commit and before its answer; once it is back, retry or undo settles the charge."""
    gateway_url, service_url = service_database("payment_gateway"), service_database("payment_service")
    process, key = a_gateway(gateway_url, tmp_path / "gateway.log"), a_key()
    try:
        await process.start()
        async with a_shop(process, service_url, gateway_url) as bench:
            payments = Payments(PaymentStore(bench.database), bench.gateway)
            charging = asyncio.create_task(payments.process(key, a_payment(token="tok_slow")))

            async def committed() -> bool:
                return await bench.captured_and_refunded(key) == (4200, 0)

            await eventually(committed)
            await process.end(signal.SIGKILL)
            with pytest.raises(GatewayOutageError):
                await charging
            await process.start()

            if settled_by == "retry":
                assert 4200 == (await payments.process(key, a_payment(token="tok_slow"))).amount_cents
            else:
                assert given_back(4200) == await payments.give_back(key)
            await bench.assert_books_agree()
    finally:
        await process.end(signal.SIGKILL)


async def test_the_gateway_ends_in_good_order(service_database: ServiceDatabase, tmp_path: Path) -> None:
    """SIGTERM: exit code 0, and nothing of an error in the log."""
    log = tmp_path / "gateway.log"
    process = a_gateway(service_database("payment_gateway"), log)
    try:
        await process.start()
        assert 0 == await process.end(signal.SIGTERM)
    finally:
        await process.end(signal.SIGKILL)

    assert "Traceback" not in log.read_text()
    assert '"stopped"' in log.read_text()


async def test_the_payment_service_waits_for_its_sidecar(service_database: ServiceDatabase, tmp_path: Path) -> None:
    """Without a sidecar it is alive, says why it isn't ready, and still ends in good order."""
    log = tmp_path / "payment.log"
    process = ModuleProcess(
        "payment_service",
        service_database("payment_service"),
        log,
        ready_path="/healthz",
        DAPR_GRPC_PORT="1",
        DAPR_HTTP_PORT="1",
        PAYMENT_GATEWAY_URL="http://127.0.0.1:1",
    )
    try:
        await process.start()
        async with aiohttp.ClientSession() as session, session.get(f"{process.url}/readyz") as response:
            status, problem = response.status, await response.json()
        assert 0 == await process.end(signal.SIGTERM)
    finally:
        await process.end(signal.SIGKILL)

    assert 503 == status
    assert "sidecar" in problem["detail"]


async def test_missing_settings_are_named_together() -> None:
    """One message that names every variable."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "payment_gateway", cwd=PROJECT, env={}, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()

    assert 1 == process.returncode
    assert b"SERVICE_HTTP_PORT" in errors
    assert b"SERVICE_DATABASE_URL" in errors
