"""The orders of a load: mixed, and the same for the same seed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from cli.shop.order_body import HOME, VISA, Line, OrderUsageError, order_body
from shared.contracts.call import Fault, FaultMode
from shared.shop.inventory import ProductView
from shared.shop.order import ORDER_STEPS
from shared.shop.shipping import BOOK_SHIPMENT

DECLINED: Final = "tok_declined"
NO_PARCEL: Final = Fault(activity=BOOK_SHIPMENT.activity, mode=FaultMode.REFUSE)
COUNTRIES: Final = (HOME, "FR", "NL", "AT", "US")
STEPS: Final = tuple(step.activity for step in ORDER_STEPS)
# Lost replies are what a saga must bear most often, so they are half of the faults.
MODES: Final = (FaultMode.LOSE_REPLY, FaultMode.FAIL, FaultMode.DELAY, FaultMode.DUPLICATE)
WEIGHTS: Final = (3, 1, 1, 1)
DELAY_SECONDS: Final = 0.5
# An untroubled order takes about a fifth of a second: some cancels come too late.
LATEST_CANCEL_SECONDS: Final = 0.4

MOST_LINES: Final = 3
MOST_UNITS: Final = 4
ASSORTMENT: Final = 40


@dataclass(frozen=True, slots=True)
class Mix:
    """The shares of orders that are not plain, and the seed of where and how."""

    refused: float
    faults: float
    seed: int
    cancelled: float = 0.0
    at_the_card_only: bool = False
    """Outside demo mode no order can be refused at the parcel, for it would carry a fault."""


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One order of the load, with the key that makes its retries safe."""

    key: str
    body: dict[str, Any]
    cancel_after_seconds: float | None = None


def assortment(products: Iterable[ProductView]) -> list[str]:
    """The best stocked SKUs of the most common currency: an order has one currency, and scarce stock is no load.

    Raises:
        OrderUsageError: nothing is in stock.
    """
    by_currency: dict[str, list[ProductView]] = defaultdict(list)
    for product in products:
        if product.available >= MOST_UNITS:
            by_currency[product.currency].append(product)
    if not by_currency:
        raise OrderUsageError("nothing is in stock: import products with `shop catalogue import FILE.csv`")
    common = max(by_currency.values(), key=len)
    best = sorted(common, key=lambda product: (-product.available, product.sku))[:ASSORTMENT]
    return [product.sku for product in best]


def plan_orders(count: int, mix: Mix, skus: list[str], run: str) -> list[PlannedOrder]:
    """Exactly the wished shares of refused, of faulty and of cancelled orders, in random places.

    Raises:
        OrderUsageError: the shares are more than the whole.
    """
    refusals, broken, cancels = (round(count * share) for share in (mix.refused, mix.faults, mix.cancelled))
    if refusals + broken + cancels > count:
        cancelled = f" and {mix.cancelled} cancelled" if mix.cancelled else ""
        raise OrderUsageError(
            f"--refused {mix.refused} and --faults {mix.faults}{cancelled} are together more than all orders"
        )
    random = Random(mix.seed)  # noqa: S311 - a mix, no secret
    kinds = ["refused"] * refusals + ["faulty"] * broken + ["cancelled"] * cancels
    kinds += ["plain"] * (count - len(kinds))
    random.shuffle(kinds)
    return [
        PlannedOrder(
            f"{run}-{number}",
            _body(random, kind, skus, at_the_card_only=mix.at_the_card_only),
            random.uniform(0.0, LATEST_CANCEL_SECONDS) if kind == "cancelled" else None,
        )
        for number, kind in enumerate(kinds)
    ]


def _body(random: Random, kind: str, skus: list[str], *, at_the_card_only: bool) -> dict[str, Any]:
    lines: list[Line] = [
        (sku, random.randint(1, MOST_UNITS))
        for sku in random.sample(skus, min(len(skus), random.randint(1, MOST_LINES)))
    ]
    country = random.choice(COUNTRIES)
    if kind == "refused":
        declined = random.random() < 0.5 or at_the_card_only  # noqa: PLR2004 - half at the card, half at the parcel
        return order_body(
            lines, token=DECLINED if declined else VISA, country=country, faults=[] if declined else [NO_PARCEL]
        )
    return order_body(lines, country=country, faults=[_fault(random)] if kind == "faulty" else [])


def _fault(random: Random) -> Fault:
    mode = random.choices(MODES, WEIGHTS)[0]
    return Fault(activity=random.choice(STEPS), mode=mode, seconds=DELAY_SECONDS)
