"""`shop demo`."""

import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from cli.demo.demo_cases import DemoCase, demo_cases, deviations
from cli.output import say
from cli.shop.conservation import verdict
from cli.shop.timeline import timeline
from cli.shop_client import ENDS, POLL_SECONDS, ShopAwayError, ShopClient, ShopRefusedError
from cli.stack.stack import up
from devstack.errors import NotRunningError, StackError
from devstack.settings import Mode, StackSettings, load_settings
from devstack.supervisor.client import StackClient
from shared.shop.order import ORDER_SERVICE, OrderStatus
from shared.shop.payment import PAYMENT_SERVICE
from shared.shop.views import OrderView

DEADLINE_SECONDS: Final = 60.0
PLACE_SECONDS: Final = 20.0
SERVER_ERROR: Final = 500


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo() -> None:
    """Place an order for each thing that can happen to one, and check what became of it."""
    settings = load_settings(mode=Mode.DEMO)
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
    try:
        mode = stack.state().mode
    except NotRunningError:
        mode = None
    if mode is not None:
        if mode == Mode.PRODUCTION:
            raise StackError("the stack runs in production mode, which takes no faults; `shop down` first, then again")
        say(f"the stack already runs in {mode} mode; the demo uses it and leaves it running")
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
            return client.place(case.body, key)
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
