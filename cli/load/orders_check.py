"""Whether placing a file of orders came to what it must: totals by the cent, stock by the unit.

Only for a shop where nothing else is sold meanwhile.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cli.load.load_report import LoadResult, Refusal, counted
from cli.load.orders_file import FileOrder
from cli.shop_client import ENDS, ShopClient
from shared.money import money
from shared.shop.inventory import ProductView
from shared.shop.order import OrderStatus
from shared.shop.views import AcceptedBody, OrderView

UNDONE: Final = frozenset({OrderStatus.COMPENSATED, OrderStatus.CANCELLED})
ORDERS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Before:
    """The shop before the file: its products, and when its newest order was accepted, by its own clock."""

    products: Mapping[str, ProductView]
    newest: OrderView | None

    @classmethod
    def of(cls, client: ShopClient) -> "Before":
        """Look now. First at the orders: none of those that are placed afterwards may count as one from before."""
        newest = next(iter(client.orders(None, 1)), None)
        return cls({product.sku: product for product in client.products()}, newest)

    def knew(self, order: OrderView) -> bool:
        """Whether the order was accepted before, and this is a repeat of it."""
        return self.newest is not None and order.accepted_at <= self.newest.accepted_at

    def had_ended(self, order: OrderView) -> bool:
        """Whether all that it did to the stock was done before."""
        return self.newest is not None and order.ended_at is not None and order.ended_at <= self.newest.accepted_at


@dataclass(frozen=True, slots=True)
class Placed:
    """An order of the file, what the shop answered, and how it stands now."""

    said: FileOrder
    answer: AcceptedBody
    now: OrderView


@dataclass(slots=True)
class FileReport:
    """What came of the file. `wrong_totals`, `wrong_stock`: one sentence each; there must be none."""

    orders: int
    placed: list[Placed]
    repeats: int
    turned_away: list[Refusal]
    errors: list[str]
    wrong_totals: list[str] = field(default_factory=list)
    wrong_stock: list[str] = field(default_factory=list)
    sold: Mapping[str, int] = field(default_factory=dict)

    @property
    def not_ended(self) -> list[Placed]:
        """Those that are still under way."""
        return [one for one in self.placed if one.now.status not in ENDS]

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be; an order that was turned away with a reason is."""
        return not (self.errors or self.not_ended or self.wrong_totals or self.wrong_stock)

    def as_json(self) -> dict[str, Any]:
        """For programs. Money in minor units per currency."""
        totals: Counter[str] = Counter()
        for one in self.placed:
            if one.now.status == OrderStatus.COMPLETED:
                totals[one.now.currency] += one.now.total_cents
        return {
            "orders": self.orders,
            "accepted": len(self.placed),
            "repeats": self.repeats,
            "turned_away": [{"order": one.key, "status": one.status, "why": one.sentence} for one in self.turned_away],
            "ends": dict(sorted(Counter(str(one.now.status) for one in self.placed).items())),
            "not_completed": [
                {
                    "order": one.said.order,
                    "order_id": one.now.order_id,
                    "status": one.now.status,
                    "reason": one.now.reason,
                }
                for one in self.placed
                if one.now.status != OrderStatus.COMPLETED
            ],
            "completed_cents": dict(sorted(totals.items())),
            "units_sold": sum(self.sold.values()),
            "errors": self.errors,
            "wrong_totals": self.wrong_totals,
            "wrong_stock": self.wrong_stock,
            "holds": self.holds,
        }


def report_of(client: ShopClient, orders: Sequence[FileOrder], result: LoadResult, before: Before) -> FileReport:
    """Look at every order of the file and at the stock."""
    named = {order.order: order for order in orders}
    placed = [Placed(named[key], answer, client.order(answer.order_id)) for key, answer in result.accepted.items()]
    report = FileReport(
        orders=len(orders),
        placed=placed,
        repeats=sum(before.knew(one.now) for one in placed),
        turned_away=result.refusals,
        errors=result.errors,
    )
    for one in placed:
        report.wrong_totals += wrong_total(one, before)
    after = {product.sku: product.available for product in client.products()}
    report.sold = {sku: product.available - after.get(sku, 0) for sku, product in before.products.items()}
    report.wrong_stock += wrong_stock(placed, report.sold, before)
    return report


def wrong_total(placed: Placed, before: Before) -> list[str]:
    """What isn't as the file has it: its units, and its total by the prices that the shop showed."""
    order, now = placed.said, placed.now
    units = {line["sku"]: line["quantity"] for line in now.lines}
    prices = {line["sku"]: line["unit_price_cents"] for line in now.lines}
    if units != order.units:
        return [f"{order.order}: the shop has {counted(units)}, the file {counted(order.units)}"]
    if not before.knew(now):
        shown = {sku: before.products[sku].price_cents for sku in units if sku in before.products}
        if other := sorted(sku for sku, price in shown.items() if prices[sku] != price):
            return [f"{order.order}: {', '.join(other)} has another price than the catalogue showed"]
    total = sum(prices[sku] * quantity for sku, quantity in units.items())
    found = {
        "its lines come to": total,
        "it was accepted for": placed.answer.total_cents,
        "it has": now.total_cents,
    }
    if len(set(found.values())) == 1:
        return []
    return [
        f"{order.order}: " + ", ".join(f"{what} {money(cents, now.currency)}" for what, cents in found.items()),
    ]


def wrong_stock(placed: Iterable[Placed], sold: Mapping[str, int], before: Before) -> list[str]:
    """Where another number of units was sold than the orders explain.

    An order that is open, or was when we began, explains any number between its bounds.
    """
    least: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for one in placed:
        if before.had_ended(one.now):
            continue
        low, high = _bounds(one.now.status, is_repeat=before.knew(one.now))
        for sku, quantity in one.said.units.items():
            least[sku] += low * quantity
            most[sku] += high * quantity
    return [
        f"{sku}: {units} sold, not {_between(least[sku], most[sku])}"
        for sku, units in sorted(sold.items())
        if not least[sku] <= units <= most[sku]
    ]


def _bounds(status: OrderStatus, *, is_repeat: bool) -> tuple[int, int]:
    """How often its units may have left the stock since we began, at least and at most."""
    if status == OrderStatus.COMPLETED:
        return (0 if is_repeat else 1), 1
    if status in UNDONE:
        return (-1 if is_repeat else 0), 0
    return (-1 if is_repeat else 0), 1


def _between(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def report_lines(report: FileReport) -> list[str]:
    """The report for people; what was turned away grouped by why."""
    summary = report.as_json()
    sums = ", ".join(money(cents, currency) for currency, cents in summary["completed_cents"].items()) or "nothing"
    lines = [
        f"orders       {report.orders}, of which {len(report.placed)} accepted ({report.repeats} of them repeats)",
        f"ends         {counted(summary['ends'])}",
        f"completed    {sums}, {summary['units_sold']} units sold",
    ]
    why: dict[str, list[str]] = {}
    for one in report.turned_away:
        why.setdefault(one.sentence, []).append(one.key)
    lines += [f"turned away  {_named(orders)}: {sentence}" for sentence, orders in why.items()]
    lines += [
        f"{one['status']:<12} {one['order']}" + (f": {one['reason']}" if one["reason"] else "")
        for one in summary["not_completed"]
    ]
    lines += [f"error        {error}" for error in report.errors]
    lines += [f"wrong total  {wrong}" for wrong in report.wrong_totals]
    lines += [f"wrong stock  {wrong}" for wrong in report.wrong_stock]
    return lines


def _named(orders: Sequence[str]) -> str:
    names = ", ".join(orders[:ORDERS_SHOWN])
    return f"{len(orders)} ({names}{', ...' if len(orders) > ORDERS_SHOWN else ''})"
