"""`shop demo`: the orders of the demonstration, and what must become of each."""

import signal
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from types import FrameType
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cli.load.mix import DECLINED, NO_PARCEL
from cli.output import say
from cli.shop.conservation import verdict
from cli.shop.order_body import Line, OrderUsageError, order_body
from cli.shop.timeline import timeline
from cli.shop_client import ENDS, POLL_SECONDS, ShopAwayError, ShopClient, ShopRefusedError
from cli.stack.stack import up
from devstack.errors import StackError
from devstack.settings import StackSettings, load_settings
from devstack.supervisor.client import StackClient
from shared.contracts.call import Fault, FaultMode
from shared.contracts.timeline import StepRecord
from shared.service.settings import ShopMode
from shared.shop.inventory import RESERVE_STOCK, ProductView
from shared.shop.order import ORDER_SERVICE, ORDER_STEPS, OrderStatus
from shared.shop.payment import PAYMENT_SERVICE, PROCESS_PAYMENT, REFUND_PAYMENT
from shared.shop.shipping import BOOK_SHIPMENT
from shared.shop.views import OrderView

RESERVE: Final = RESERVE_STOCK.activity
PAY: Final = PROCESS_PAYMENT.activity
SHIP: Final = BOOK_SHIPMENT.activity
REFUND: Final = REFUND_PAYMENT.activity

MOST_UNITS: Final = 10_000
"""The shop takes no more of one product in one order line."""
FOR_EVER: Final = 99

DEADLINE_SECONDS: Final = 60.0
PLACE_SECONDS: Final = 20.0
SERVER_ERROR: Final = 500


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
        DemoCase("card declined", order_body(one, token=DECLINED), "compensated", {PAY: "refused"}, _undos_before(PAY)),
        DemoCase(
            "the carrier takes no such parcel",
            order_body(one, faults=[NO_PARCEL]),
            "compensated",
            {SHIP: "refused"},
            _undos_before(SHIP),
        ),
        *(_loses_reply(one, step) for step in _DOS),
        DemoCase(
            "payment-service fails for ever: did it charge?",
            order_body(one, faults=[Fault(activity=PAY, mode=FaultMode.FAIL, times=FOR_EVER)]),
            "compensated",
            {PAY: "unknown"},
            (REFUND, *_undos_before(PAY)),
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


def _undos_before(step: str) -> tuple[str, ...]:
    """The undos of all steps of the saga before this one, newest first."""
    before = takewhile(lambda one: one.activity != step, ORDER_STEPS)
    return tuple(one.undo.activity for one in reversed([*before]) if one.undo is not None)


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


def demo() -> None:
    """Place an order for each thing that can happen to one, and check what became of it."""
    settings = load_settings(mode=ShopMode.DEMO)
    # Whoever ends the demo (`timeout`, a CI job) must not be left with the stack that it started.
    signal.signal(signal.SIGTERM, _end)
    began = time.monotonic()
    with _demo_stack(settings) as stack:
        client = ShopClient(stack.urls().get(ORDER_SERVICE, settings.api_url))
        killed_before = stack.status().process(PAYMENT_SERVICE).restarts
        held = _demonstrate(client)
        killed = stack.status().process(PAYMENT_SERVICE).restarts - killed_before
        say(f"{PAYMENT_SERVICE} was killed and started again {killed} time(s)")
    say(f"the demo took {time.monotonic() - began:.0f} s")
    if not held or killed < 1:
        raise typer.Exit(1)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def _demo_stack(settings: StackSettings) -> Iterator[StackClient]:
    """The stack in demo mode: the one that runs already, which goes on running, or one for this demo."""
    stack = StackClient(settings.home)
    state = stack.state_if_running()
    if state is not None:
        if state.mode == ShopMode.PRODUCTION:
            raise StackError("the stack runs in production mode, which takes no faults; `shop down` first, then again")
        say(f"the stack already runs in {state.mode} mode; the demo uses it and leaves it running")
        stack.wait_ready()
        yield stack
        return
    try:
        up(demo=True, detach=True)
        yield stack
    finally:
        if stack.is_running():
            say("stopping the stack; its data is kept")
            stack.shutdown()


def _demonstrate(client: ShopClient) -> bool:
    """Whether every order took its expected course and conservation holds."""
    cases = demo_cases(list(client.products()))
    calm = [case for case in cases if not case.kills]
    say(
        f"\nplacing {len(calm)} orders at once, and when their replies have been lost, one that kills payment-service\n"
    )
    placed = {_place(client, case): case for case in calm}
    # A lost reply that dies with its process is no lost reply: Dapr repeats that attempt, and the saga sees none.
    _wait_for_ends(client, [order_id for order_id, case in placed.items() if case.status == OrderStatus.COMPLETED])
    placed |= {_place(client, case): case for case in cases if case.kills}
    ended = _wait_for_ends(client, list(placed))
    console = Console()
    held = 0
    for order_id, case in placed.items():
        order = ended.get(order_id) or client.order(order_id)
        held += _report(console, case, order)
    report = client.conservation()
    say(f"{held} of {len(cases)} orders came out as expected")
    for line in verdict(report):
        say(line)
    return held == len(cases) and report.holds


def _place(client: ShopClient, case: DemoCase) -> str:
    """Place the order; the key makes it safe to ask again while the shop is away."""
    key = f"demo-{uuid.uuid4()}"
    deadline = time.monotonic() + PLACE_SECONDS
    while True:
        try:
            return client.place(case.body, key).order_id
        except (ShopAwayError, ShopRefusedError) as error:
            for_good = isinstance(error, ShopRefusedError) and error.status < SERVER_ERROR
            if for_good or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def _wait_for_ends(client: ShopClient, order_ids: list[str]) -> dict[str, OrderView]:
    """The orders that ended before the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    ended: dict[str, OrderView] = {}
    with Console(stderr=True).status("") as status:
        while len(ended) < len(order_ids) and time.monotonic() < deadline:
            status.update(f"{len(ended)} of {len(order_ids)} orders have ended")
            for order_id in order_ids:
                if order_id in ended:
                    continue
                try:
                    order = client.order(order_id)
                except (ShopAwayError, ShopRefusedError):
                    break  # away for the moment; the deadline bounds the wait
                if order.status in ENDS:
                    ended[order_id] = order
            time.sleep(POLL_SECONDS)
    return ended


def _report(console: Console, case: DemoCase, order: OrderView) -> bool:
    """Print one order's story; whether it is the expected one."""
    console.print(f"[bold]{escape(case.title)}[/bold]")
    console.print(timeline(order))
    console.print(f"expected: {case.expectation}")
    wrong = deviations(case, order)
    console.print("[green]as expected[/green]" if not wrong else f"[red]NOT as expected: {'; '.join(wrong)}[/red]")
    console.print()
    return not wrong
