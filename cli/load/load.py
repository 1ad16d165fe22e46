"""`shop load`."""

import asyncio
import json
import secrets
import uuid
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.load.load_report import LoadResult, cpu_spent, summarise, summary_lines
from cli.load.mix import Mix, PlannedOrder, assortment, plan_orders
from cli.output import say
from cli.shop.conservation import verdict
from cli.shop_client import ShopAwayError, ShopClient, shop_url
from devstack.errors import StackError
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient, StackStatus
from shared.shop.order import ORDER_SERVICE
from shared.shop.reports import ConservationVerdict, Violation

PRODUCTS_READ = 500

ShareOption = Annotated[float, typer.Option(min=0, max=1, help="The share of orders that carry a fault (demo mode).")]
RefusedOption = Annotated[float, typer.Option(min=0, max=1, help="The share refused: card declined, or no delivery.")]


def load(  # noqa: PLR0913 - one option per knob
    *,
    orders: Annotated[int, typer.Option("--orders", "-n", min=1, help="How many orders.")] = 100,
    clients: Annotated[int, typer.Option("--clients", "-c", min=1, help="How many have an order open at once.")] = 20,
    faults: ShareOption = 0.0,
    refused: RefusedOption = 0.1,
    seed: Annotated[int | None, typer.Option(help="The same mix again.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until we stop waiting for ends.")] = 300.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Place many mixed orders, wait for their ends, and sum up."""
    chosen_seed = secrets.randbelow(1_000_000) if seed is None else seed
    client = ShopClient(shop_url())
    skus = assortment(islice(client.products(), PRODUCTS_READ))
    run = f"load-{uuid.uuid4().hex[:12]}"
    plan = plan_orders(orders, Mix(refused, faults, chosen_seed), skus, run)
    before = _local_status(client.url)
    result = _place_all(client.url, plan, clients, timeout, quiet=as_json)
    after = _local_status(client.url)
    cpu_seconds = cpu_spent(before, after) if before and after else None
    knobs = {"orders": orders, "clients": clients, "seed": chosen_seed, "faults": faults, "refused": refused}
    report: ConservationVerdict
    try:
        report = client.conservation()
    except ShopAwayError as error:
        # The figures were paid for; they are shown even if the shop died at the end.
        unchecked = Violation(rule="unchecked", promise="The shop answers.", subject=client.url, detail=str(error))
        report = ConservationVerdict(holds=False, violations=[unchecked])
    summary = {**knobs, **summarise(result, cpu_seconds, report)}
    if as_json:
        say(json.dumps(summary, indent=2))
    else:
        for line in (*summary_lines(summary), *verdict(report)):
            say(line)
        say(f"seed         {chosen_seed}")
    if result.not_ended or result.errors or not report.holds:
        raise typer.Exit(1)


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
