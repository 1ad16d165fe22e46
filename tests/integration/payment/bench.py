"""A payment-service and a real gateway, side by side, and what must hold between their books."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp.test_utils import TestServer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from payment_gateway.api import gateway_application
from payment_gateway.store import GatewayReports, GatewayStore
from payment_service.gateway import HttpGateway, PaymentGateway
from payment_service.payments import Payments
from payment_service.store import PaymentStore
from shared.contracts.repair import ByHand, Decision
from shared.database import create_engine
from shared.participant.fence import StepKey
from shared.shop.payment import PaymentRefunded, ProcessPayment

SLOW_SECONDS: Final = 0.3

LEDGER_BY_KEY: Final = """
    SELECT saga_id || ':' || step AS key, currency,
           coalesce(sum(amount_cents) FILTER (WHERE kind = 'charge'), 0)::bigint AS captured,
           coalesce(-sum(amount_cents) FILTER (WHERE kind = 'refund'), 0)::bigint AS refunded
    FROM ledger_entries WHERE account = 'gateway_clearing' GROUP BY saga_id, step, currency
"""
GATEWAY_BY_KEY: Final = """
    SELECT idempotency_key AS key, currency, captured_cents AS captured, refunded_cents AS refunded
    FROM charges WHERE captured_cents > 0
"""
UNBALANCED: Final = """
    SELECT transaction_id FROM ledger_entries GROUP BY transaction_id, currency
    HAVING sum(amount_cents) <> 0 OR count(*) <> 2
"""
REFUNDS_OFF: Final = """
    SELECT charge_id FROM charges c
    WHERE refunded_cents <> (SELECT coalesce(sum(amount_cents), 0) FROM refunds r WHERE r.charge_id = c.charge_id)
"""


def a_key(step: str = "process_payment") -> StepKey:
    return StepKey(f"order-{uuid.uuid4().hex}", step)


def a_payment(amount_cents: int = 4200, token: str = "tok_visa", currency: str = "EUR") -> ProcessPayment:
    return ProcessPayment(amount_cents=amount_cents, currency=currency, token=token)


def given_back(amount_cents: int) -> PaymentRefunded:
    """The undo's answer; of nothing nobody knows the currency."""
    return PaymentRefunded(refunded_cents=amount_cents, currency="EUR" if amount_cents else None)


def a_decision(decision: Decision = Decision.SETTLE, repair_id: str = "rep-1") -> ByHand:
    return ByHand(repair_id=repair_id, decision=decision, by="ann", note="paid in cash")


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything a test of the payment-service needs."""

    gateway_url: str
    gateway_database: AsyncEngine
    database: AsyncEngine
    gateway: HttpGateway

    def payments(self, gateway: PaymentGateway | None = None) -> Payments:
        """A payment-service that speaks to the real gateway, or to one that wraps it."""
        return Payments(PaymentStore(self.database), gateway or self.gateway)

    async def state(self, key: StepKey) -> str | None:
        """The fence's state of the step."""
        statement = "SELECT state FROM saga_steps WHERE saga_id = :saga_id AND step = :step"
        rows = await query(self.database, statement, saga_id=key.saga_id, step=key.step)
        return str(rows[0][0]) if rows else None

    async def payment_status(self, key: StepKey) -> str | None:
        rows = await query(self.database, "SELECT status FROM payments WHERE saga_id = :saga_id", saga_id=key.saga_id)
        return str(rows[0][0]) if rows else None

    async def captured_and_refunded(self, key: StepKey) -> tuple[int, int]:
        """What the gateway's books say of the key; (0, 0) if it was never charged."""
        statement = "SELECT captured_cents, refunded_cents FROM charges WHERE idempotency_key = :key"
        rows = await query(self.gateway_database, statement, key=str(key))
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    async def by_hand(self, key: StepKey) -> tuple[int, int]:
        """What the ledger says was settled by hand, and written off."""
        statement = (
            "SELECT account, -sum(amount_cents)::bigint FROM ledger_entries WHERE saga_id = :saga_id GROUP BY account"
        )
        accounts = dict(await query(self.database, statement, saga_id=key.saga_id))
        return accounts.get("settled_by_hand", 0), accounts.get("written_off", 0)

    async def assert_books_agree(self) -> None:
        """The ledger balances, and says of every key what the gateway's own books say."""
        assert [] == await query(self.database, UNBALANCED)
        assert [] == await query(self.gateway_database, REFUNDS_OFF)
        ledger = await query(self.database, LEDGER_BY_KEY)
        gateway = await query(self.gateway_database, GATEWAY_BY_KEY)
        assert sorted(ledger) == sorted(gateway)


async def query(database: AsyncEngine, statement: str, **parameters: object) -> list[tuple[Any, ...]]:
    async with database.connect() as connection:
        return [tuple(row) for row in await connection.execute(text(statement), parameters)]


async def always_ready() -> str | None:
    return None


@asynccontextmanager
async def running_gateway(
    database_url: str, readiness: Callable[[], Awaitable[str | None]] = always_ready
) -> AsyncIterator[tuple[str, AsyncEngine]]:
    """The real gateway on a free port of this loop."""
    database = create_engine(database_url, application_name="payment-gateway")
    app = gateway_application(GatewayStore(database), GatewayReports(database), readiness, slow_seconds=SLOW_SECONDS)
    server = TestServer(app)
    try:
        await server.start_server(access_log=None)
        yield str(server.make_url("")), database
    finally:
        await server.close()
        await database.dispose()


@asynccontextmanager
async def running_bench(database_url: str, gateway_database_url: str) -> AsyncIterator[Bench]:
    """A bench on this loop."""
    async with running_gateway(gateway_database_url) as (url, gateway_database):
        database = create_engine(database_url, application_name="payment-service")
        gateway = HttpGateway(url, timeout_seconds=10)
        try:
            yield Bench(url, gateway_database, database, gateway)
        finally:
            await gateway.close()
            await database.dispose()


@dataclass(frozen=True, slots=True)
class Answered:
    """A response of the gateway."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GatewayClient:
    """Speaks the gateway's HTTP as any merchant would."""

    session: aiohttp.ClientSession
    url: str

    async def charge(self, key: str | None, **changes: object) -> Answered:
        body = {"amount_cents": 1000, "currency": "EUR", "token": "tok_visa", "reference": "order-1", **changes}
        return await self.post("/v1/charges", key, body)

    async def refund(self, key: str | None, **body: object) -> Answered:
        return await self.post("/v1/refunds", key, body)

    async def void(self, key: str) -> Answered:
        return await self.post("/v1/voids", None, {"key": key})

    async def seal(self, key: str) -> Answered:
        return await self.post("/v1/seals", None, {"key": key})

    async def post(self, path: str, key: str | None, body: object) -> Answered:
        headers = {} if key is None else {"Idempotency-Key": key}
        async with self.session.post(self.url + path, json=body, headers=headers) as response:
            return Answered(response.status, await response.json(content_type=None))

    async def get(self, path: str, **query: str) -> Answered:
        async with self.session.get(self.url + path, params=query) as response:
            return Answered(response.status, await response.json(content_type=None))
