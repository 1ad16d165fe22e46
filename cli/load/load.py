"""`shop load`."""

import asyncio
import json
import secrets
import uuid
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.load.load_report import LoadResult, cpu_spent, summarise, summary_lines
from cli.load.mix import Mix, PlannedOrder, assortment, plan_orders
from cli.load.orders_check import Before, report_lines, report_of
from cli.load.orders_file import read_orders
from cli.output import say
from cli.shop.conservation import verdict
from cli.shop.order_body import OrderUsageError
from cli.shop_client import ShopAwayError, ShopClient, shop_url
from devstack.errors import StackError
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient, StackStatus
from shared.service.settings import ShopMode
from shared.shop.order import ORDER_SERVICE
from shared.shop.reports import ConservationVerdict, Violation

PRODUCTS_READ = 500

ShareOption = Annotated[float, typer.Option(min=0, max=1, help="The share of orders that carry a fault (demo mode).")]
RefusedOption = Annotated[
    float, typer.Option(min=0, max=1, help="The share refused: card declined, or in demo mode no delivery.")
]


MIX_OPTIONS: Final = ("orders", "faults", "refused", "seed")


def load(  # noqa: PLR0913 - one option per knob
    context: typer.Context,
    *,
    orders: Annotated[int, typer.Option("--orders", "-n", min=1, help="How many orders.")] = 100,
    clients: Annotated[int, typer.Option("--clients", "-c", min=1, help="How many have an order open at once.")] = 20,
    faults: ShareOption = 0.0,
    refused: RefusedOption = 0.1,
    seed: Annotated[int | None, typer.Option(help="The same mix again.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until we stop waiting for ends.")] = 300.0,
    orders_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            exists=True,
            dir_okay=False,
            readable=True,
            help="Place these instead of mixed ones.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Place many mixed orders, or those of a file, wait for their ends, and sum up.

    A file has one row a line of an order, with the columns order, customer, email, name, line1, line2, city, region,
    postal_code, country, sku, quantity. Its order is the idempotency key: a second run is repeats. Totals are checked
    to the cent and stock to the unit, so nothing else may be sold meanwhile.
    """
    if orders_file is not None:
        sources = {name: context.get_parameter_source(name) for name in MIX_OPTIONS}
        if mixed := [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]:
            raise OrderUsageError(f"--orders-file says which orders are placed: leave --{mixed[0]} out")
        _place_file(orders_file, clients, timeout, as_json=as_json)
        return
    chosen_seed = secrets.randbelow(1_000_000) if seed is None else seed
    client = ShopClient(shop_url())
    skus = assortment(islice(client.products(), PRODUCTS_READ))
    run = f"load-{uuid.uuid4().hex[:12]}"
    before = _local_status(client.url)
    # Of a shop elsewhere nobody knows its mode, and production mode takes no fault.
    takes_faults = faults > 0 or (before is not None and ShopMode(before.mode).allows_faults)
    plan = plan_orders(orders, Mix(refused, faults, chosen_seed, at_the_card_only=not takes_faults), skus, run)
    result = _place_all(client.url, plan, clients, timeout, quiet=as_json)
    after = _local_status(client.url)
    cpu_seconds = cpu_spent(before, after) if before and after else None
    knobs = {"orders": orders, "clients": clients, "seed": chosen_seed, "faults": faults, "refused": refused}
    report = _conservation(client)
    summary = {**knobs, **summarise(result, cpu_seconds, report)}
    if as_json:
        say(json.dumps(summary, indent=2))
    else:
        for line in (*summary_lines(summary), *verdict(report)):
            say(line)
        say(f"seed         {chosen_seed}")
    if result.not_ended or result.failed or not report.holds:
        raise typer.Exit(1)


def _place_file(file: Path, clients: int, timeout: float, *, as_json: bool) -> None:
    orders = read_orders(file)
    client = ShopClient(shop_url())
    before = Before.of(client)
    result = _place_all(client.url, [order.planned for order in orders], clients, timeout, quiet=as_json)
    report = report_of(client, orders, result, before)
    conservation = _conservation(client)
    if as_json:
        checked = conservation.model_dump(mode="json", include={"holds", "violations"})
        say(json.dumps({"file": str(file), **report.as_json(), "conservation": checked}, indent=2))
    else:
        for line in (*report_lines(report), *verdict(conservation)):
            say(line)
    if not report.holds or not conservation.holds:
        raise typer.Exit(1)


def _conservation(client: ShopClient) -> ConservationVerdict:
    try:
        return client.conservation()
    except ShopAwayError as error:
        # The figures were paid for; they are shown even if the shop died at the end.
        unchecked = Violation(rule="unchecked", promise="The shop answers.", subject=client.url, detail=str(error))
        return ConservationVerdict(holds=False, violations=[unchecked])


def _place_all(url: str, plan: list[PlannedOrder], clients: int, timeout: float, *, quiet: bool) -> LoadResult:
    # Its HTTP library takes a third of a second to import, for which the other commands needn't wait.
    from cli.load.load_run import LoadRun  # noqa: PLC0415

    columns = (TextColumn("orders ended"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task("", total=len(plan))
        run = LoadRun(url, timeout, lambda: progress.advance(bar))
        return asyncio.run(run.run(plan, clients))


def _local_status(url: str) -> StackStatus | None:
    """The stack behind this address, if it is this folder's."""
    client = StackClient(load_settings().home)
    try:
        return client.status() if client.urls().get(ORDER_SERVICE) == url else None
    except StackError:
        return None
