"""Gateways around the real one: a test acts at any moment between the shop's record and the gateway's."""

import asyncio
from collections.abc import Awaitable, Callable

from payment_service.gateway import PaymentGateway
from shared.shop.gateway import Charge, ChargeState, Reversal
from shared.shop.payment import ProcessPayment

Hook = Callable[[], Awaitable[None]]


class ProcessDiedError(Exception):
    """Stands for the death of the process at this point."""


class Hold:
    """A hook that waits until the test lets go."""

    def __init__(self) -> None:
        self._arrived = asyncio.Event()
        self._go_on = asyncio.Event()

    async def __call__(self) -> None:
        self._arrived.set()
        await self._go_on.wait()

    async def reached(self) -> None:
        await self._arrived.wait()

    def let_go(self) -> None:
        self._go_on.set()


async def nothing() -> None:
    """A hook that does nothing."""


async def die() -> None:
    """A hook: the process is dead from here on."""
    raise ProcessDiedError


class Hooked:
    """A gateway whose requests pass a hook on their way there, and its answers one on their way back."""

    def __init__(self, inner: PaymentGateway, *, before: Hook = nothing, after: Hook = nothing) -> None:
        self._inner = inner
        self._before = before
        self._after = after

    async def charge(self, key: str, reference: str, payment: ProcessPayment) -> Charge:
        await self._before()
        charge = await self._inner.charge(key, reference, payment)
        await self._after()
        return charge

    async def look_up(self, key: str) -> ChargeState | None:
        await self._before()
        charge = await self._inner.look_up(key)
        await self._after()
        return charge

    async def refund(self, key: str, charge_id: str) -> int:
        await self._before()
        refunded_cents = await self._inner.refund(key, charge_id)
        await self._after()
        return refunded_cents

    async def void(self, key: str) -> Reversal:
        await self._before()
        reversal = await self._inner.void(key)
        await self._after()
        return reversal

    async def seal(self, key: str) -> Reversal:
        await self._before()
        sealed = await self._inner.seal(key)
        await self._after()
        return sealed


Hooking = Callable[[PaymentGateway], Hooked]


def dies_before(gateway: PaymentGateway) -> Hooked:
    """The process dies after its first transaction, before the gateway is asked."""
    return Hooked(gateway, before=die)


def dies_after(gateway: PaymentGateway) -> Hooked:
    """The request reaches the gateway; the process is dead when the answer comes."""
    return Hooked(gateway, after=die)
