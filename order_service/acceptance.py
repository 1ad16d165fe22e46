"""Accepts an order: once per idempotency key, at a price, and stored before the answer."""

import contextlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Protocol
from uuid import uuid4

from pydantic import Field
from sqlalchemy import Row

from order_service.approval.terms import FraudTerms
from order_service.catalogue import InventoryAwayError, PricedProduct
from order_service.delivery import check_delivery
from order_service.errors import (
    PriceUnknownError,
    SeveralCurrenciesError,
    TooManyUnitsError,
    TotalChangedError,
    TotalTooLargeError,
    UnknownProductError,
)
from shared.contracts.call import Fault
from shared.contracts.timeline import Timeline
from shared.money import money
from shared.shop.inventory import StockLine
from shared.shop.order import (
    CLOSE_ORDER,
    CONCLUDE_APPROVAL,
    HOLD_ORDER,
    ORDER_ACTIVITIES,
    PARK_ORDER,
    TAKE_OVER_ORDER,
    VALIDATE_ORDER,
    PlacedOrder,
)
from shared.shop.shipping import Address
from shared.web.bodies import MAX_UNITS, Body, CustomerBody, LineBody, OptionalText, Text
from shared.web.requests import check_email, check_fault_plan, check_same_request, request_hash

MAX_TOTAL_CENTS: Final = 100_000_000_00
ACTIVITIES: Final = ORDER_ACTIVITIES
RECORDS: Final = frozenset(
    contract.activity
    for contract in (VALIDATE_ORDER, CLOSE_ORDER, PARK_ORDER, TAKE_OVER_ORDER, HOLD_ORDER, CONCLUDE_APPROVAL)
)


class PaymentBody(Body):
    token: Text


class AddressBody(Body):
    name: Text
    line1: Text
    line2: OptionalText = None
    city: Text
    region: OptionalText = None
    postal_code: OptionalText = None
    country: Text


class OrderBody(Body):
    """`POST /orders`. `deadline_seconds`: an order that isn't completed by then is undone; None: the shop's default.

    `expected_total_cents`: what the customer has seen; an order that costs anything else is turned away.
    """

    customer: CustomerBody
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=100)]
    payment: PaymentBody
    shipping_address: AddressBody
    deadline_seconds: Annotated[int, Field(ge=1, le=86_400, strict=True)] | None = None
    faults: Annotated[tuple[Fault, ...], Field(max_length=50)] = ()
    expected_total_cents: Annotated[int, Field(ge=0, le=MAX_TOTAL_CENTS, strict=True)] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What every order is accepted with: how long it may take, how patient its undo is, whether it may carry faults.

    `countries`: those that parcels go to. `mail_takes_utf8`: the mail server takes addresses with letters beyond ASCII
    before the @. `fraud`: how it is checked for fraud; None: it isn't, and no part of the task system is needed.
    """

    deadline_seconds: float
    undo_patience_seconds: float
    allows_faults: bool
    countries: AbstractSet[str]
    mail_takes_utf8: bool = False
    fraud: FraudTerms | None = None


class AcceptedOrders(Protocol):
    """The part of the orders' store that acceptance uses."""

    async def by_key(self, idempotency_key: str, /) -> Any: ...  # noqa: ANN401 - a Row

    async def accept(self, values: dict[str, Any], /) -> bool: ...

    async def orders_last_day(self, user_id: str, /) -> int: ...


class Prices(Protocol):
    """The part of the catalogue that acceptance uses."""

    async def priced(self, skus: Iterable[str], /) -> dict[str, PricedProduct]: ...

    async def sync(self) -> None: ...


class Starts(Protocol):
    """The part of the starter that acceptance uses."""

    def start(self, order: PlacedOrder, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted order, and what it costs; `is_repeat`: it was accepted before, under this key."""

    order_id: str
    total_cents: int
    currency: str
    is_repeat: bool = field(default=False, compare=False)


class Acceptance:
    """Accepts orders."""

    def __init__(self, orders: AcceptedOrders, catalogue: Prices, starter: Starts, terms: Terms) -> None:
        self._orders = orders
        self._catalogue = catalogue
        self._starter = starter
        self._terms = terms

    async def accept(self, idempotency_key: str, body: OrderBody) -> Accepted:
        """Accept the order; the same key and body get the same answer, for good.

        Raises:
            RequestRefusedError: a sentence for the client; nothing was stored.
        """
        hash_now = request_hash(body)
        earlier = await self._orders.by_key(idempotency_key)
        if earlier is not None:
            return _repeat(earlier, hash_now)
        check_email(body.customer.email, takes_utf8=self._terms.mail_takes_utf8)
        country = check_delivery(body.shipping_address, self._terms.countries)
        check_fault_plan(body.faults, allows_faults=self._terms.allows_faults, activities=ACTIVITIES, records=RECORDS)
        order, lines = await self._price_as_expected(body, country)
        if self._terms.fraud is not None:
            order = await self._checked(order, body, self._terms.fraud)
        stored = await self._orders.accept(
            {
                "order_id": order.order_id,
                "idempotency_key": idempotency_key,
                "request_hash": hash_now,
                "customer": body.customer.model_dump(mode="json"),
                "lines": lines,
                "total_cents": order.total_cents,
                "currency": order.currency,
                "deadline_at": order.deadline_at,
                "placed": order.model_dump(mode="json", exclude={"run_id"}),
                "timeline": Timeline(version=0).model_dump(mode="json"),
            }
        )
        if not stored:
            winner = await self._orders.by_key(idempotency_key)
            if winner is None:
                raise AssertionError("an order's row is never deleted")
            return _repeat(winner, hash_now)
        self._starter.start(order)
        return Accepted(order.order_id, order.total_cents, order.currency)

    async def _price_as_expected(self, body: OrderBody, country: str) -> tuple[PlacedOrder, list[dict[str, Any]]]:
        priced = await self._price(body, country)
        if body.expected_total_cents in {None, priced[0].total_cents}:
            return priced
        # The customer may have seen a newer price than is known here.
        with contextlib.suppress(InventoryAwayError):
            await self._catalogue.sync()
        order, lines = await self._price(body, country)
        if order.total_cents != body.expected_total_cents:
            expected = money(body.expected_total_cents or 0, order.currency)
            raise TotalChangedError(total=money(order.total_cents, order.currency), expected=expected)
        return order, lines

    async def _price(self, body: OrderBody, country: str) -> tuple[PlacedOrder, list[dict[str, Any]]]:
        quantities: dict[str, int] = {}
        for line in body.lines:
            quantities[line.sku] = quantities.get(line.sku, 0) + line.quantity
        if too_many := sorted(sku for sku, quantity in quantities.items() if quantity > MAX_UNITS):
            raise TooManyUnitsError(skus=", ".join(too_many), limit=MAX_UNITS)
        products = await self._products(quantities)
        currencies = sorted({product.currency for product in products.values()})
        if len(currencies) > 1:
            raise SeveralCurrenciesError(currencies=", ".join(currencies))
        [currency] = currencies
        total_cents = sum(products[sku].price_cents * quantity for sku, quantity in quantities.items())
        if total_cents > MAX_TOTAL_CENTS:
            raise TotalTooLargeError(total=money(total_cents, currency), limit=money(MAX_TOTAL_CENTS, currency))
        order = PlacedOrder(
            order_id=f"ord-{uuid4().hex}",
            run_id="",
            lines=tuple(StockLine(sku=sku, quantity=quantity) for sku, quantity in quantities.items()),
            total_cents=total_cents,
            currency=currency,
            payment_token=body.payment.token,
            shipping_address=_address(body.shipping_address, country),
            deadline_at=datetime.now(UTC) + timedelta(seconds=self._deadline_seconds(body)),
            undo_patience_seconds=self._terms.undo_patience_seconds,
            faults=body.faults,
        )
        return order, [_line(products[sku], quantity) for sku, quantity in quantities.items()]

    async def _checked(self, order: PlacedOrder, body: OrderBody, fraud: FraudTerms) -> PlacedOrder:
        last_day = await self._orders.orders_last_day(body.customer.user_id)
        return fraud.stamp(
            order, body.customer.email, orders_last_day=last_day, deadline_seconds=self._deadline_seconds(body)
        )

    def _deadline_seconds(self, body: OrderBody) -> float:
        return body.deadline_seconds or self._terms.deadline_seconds

    async def _products(self, quantities: dict[str, int]) -> dict[str, PricedProduct]:
        try:
            products = await self._catalogue.priced(quantities)
        except InventoryAwayError as error:
            raise PriceUnknownError from error
        unknown = sorted(quantities.keys() - products.keys())
        if unknown:
            raise UnknownProductError(skus=", ".join(unknown))
        return products


def _address(body: AddressBody, country: str) -> Address:
    return Address.model_validate({**body.model_dump(), "postal_code": body.postal_code or "", "country": country})


def _line(product: PricedProduct, quantity: int) -> dict[str, Any]:
    return {"sku": product.sku, "name": product.name, "quantity": quantity, "unit_price_cents": product.price_cents}


def _repeat(row: Row[Any], hash_now: str) -> Accepted:
    check_same_request(row, hash_now, "order")
    return Accepted(row.order_id, row.total_cents, row.currency, is_repeat=True)
