"""The orders of the demonstration, and what must become of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cli.load.mix import ABROAD, DECLINED
from cli.shop.order_body import Line, OrderUsageError, order_body
from shared.contracts.call import Fault, FaultMode
from shared.contracts.timeline import StepRecord
from shared.shop.inventory import RELEASE_STOCK, RESERVE_STOCK, ProductView
from shared.shop.payment import PROCESS_PAYMENT, REFUND_PAYMENT
from shared.shop.shipping import BOOK_SHIPMENT
from shared.shop.views import OrderView

RESERVE: Final = RESERVE_STOCK.activity
PAY: Final = PROCESS_PAYMENT.activity
SHIP: Final = BOOK_SHIPMENT.activity
RELEASE: Final = RELEASE_STOCK.activity
REFUND: Final = REFUND_PAYMENT.activity

MOST_UNITS: Final = 10_000
"""The shop takes no more of one product in one order line."""
FOR_EVER: Final = 99


@dataclass(frozen=True, slots=True)
class DemoCase:
    """One order, and the course that it must take."""

    title: str
    body: dict[str, Any]
    status: str
    outcomes: dict[str, str] = field(default_factory=dict)
    """By step; the steps that aren't named are done."""
    undone: tuple[str, ...] = ()
    """The undo steps, newest first."""
    retried: str | None = None
    """The step that needed more than one attempt."""
    kills: bool = False
    """Its fault ends a process, and with it whatever else runs there: such an order is placed after the others'."""

    @property
    def expectation(self) -> str:
        """The story in a line."""
        parts = [self.status, *(f"{step} {outcome}" for step, outcome in self.outcomes.items())]
        if self.retried:
            parts.append(f"{self.retried} tried again")
        if self.undone:
            parts.append(f"undone by {', then '.join(self.undone)}")
        return "; ".join(parts)


def demo_cases(products: Sequence[ProductView]) -> list[DemoCase]:
    """All orders of the demonstration, for this catalogue.

    Raises:
        OrderUsageError: nothing is in stock, or everything is, without end.
    """
    plenty = max(products, key=lambda product: product.available, default=None)
    scarce = min(products, key=lambda product: product.available, default=None)
    if plenty is None or scarce is None or not plenty.available:
        raise OrderUsageError("nothing is in stock: import products with `shop catalogue import FILE.csv`")
    if scarce.available >= MOST_UNITS:
        raise OrderUsageError("no product is scarce enough to be out of stock; import one with a stock of 3")
    one: list[Line] = [(plenty.sku, 1)]
    too_many: list[Line] = [(scarce.sku, scarce.available + 1)]
    return [
        DemoCase("all goes well", order_body(one), "completed"),
        DemoCase("more than there is in stock", order_body(too_many), "compensated", {RESERVE: "refused"}),
        DemoCase("card declined", order_body(one, token=DECLINED), "compensated", {PAY: "refused"}, (RELEASE,)),
        DemoCase(
            "no delivery to Antarctica",
            order_body(one, country=ABROAD),
            "compensated",
            {SHIP: "refused"},
            (REFUND, RELEASE),
        ),
        *(_loses_reply(one, step) for step in _DOS),
        DemoCase(
            "payment-service fails for ever: did it charge?",
            order_body(one, faults=[Fault(activity=PAY, mode=FaultMode.FAIL, times=FOR_EVER)]),
            "compensated",
            {PAY: "unknown"},
            (REFUND, RELEASE),
            retried=PAY,
        ),
        # Dapr hands the lost execution out again by itself, so this is still the first attempt.
        DemoCase(
            "payment-service is killed after it charged",
            order_body(one, faults=[Fault(activity=PAY, mode=FaultMode.CRASH_AFTER)]),
            "completed",
            kills=True,
        ),
    ]


_DOS: Final = (RESERVE, PAY, SHIP)


def _loses_reply(lines: Sequence[Line], step: str) -> DemoCase:
    body = order_body(lines, faults=[Fault(activity=step, mode=FaultMode.LOSE_REPLY)])
    return DemoCase(f"{step} is done, but its reply is lost", body, "completed", retried=step)


def deviations(case: DemoCase, order: OrderView) -> list[str]:
    """Where the order's story isn't the expected one."""
    found: list[str] = []
    if order.status != case.status:
        found.append(f"it is {order.status}, not {case.status}")
    dos = {step.name: step for step in order.steps if step.kind == "do"}
    undos = [step for step in order.steps if step.kind == "undo"]
    found += [
        f"{name} is {_outcome(dos.get(name))}, not {outcome}"
        for name, outcome in _expected_dos(case).items()
        if _outcome(dos.get(name)) != outcome
    ]
    if tuple(step.name for step in undos) != case.undone:
        names = ", ".join(step.name for step in undos) or "nothing"
        found.append(f"undone by {names}, not by {', '.join(case.undone) or 'nothing'}")
    found += [f"{step.name} is {step.outcome}, not done" for step in undos if step.outcome != "done"]
    if case.retried and (retried := dos.get(case.retried)) is not None and retried.attempts == 1:
        found.append(f"{case.retried} was tried only once")
    return found


def _expected_dos(case: DemoCase) -> dict[str, str]:
    """What the steps should come to: after the first one that isn't done, none is begun."""
    expected: dict[str, str] = {}
    for step in _DOS:
        expected[step] = case.outcomes.get(step, "done")
        if step in case.outcomes:
            break
    return {**expected, **{step: "absent" for step in _DOS if step not in expected}}


def _outcome(step: StepRecord | None) -> str:
    return "absent" if step is None else step.outcome
