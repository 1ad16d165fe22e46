"""`shop catalogue import|list`."""

import json
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from cli.output import FriendlyGroup, JsonOption, say, table
from cli.shop_client import ShopClient, ShopRefusedError, read, service_url, shop_url, shown_as_json
from shared.money import money
from shared.shop.inventory import INVENTORY_SERVICE, Imported

COLUMNS: Final = "sku,name,price_cents,currency,stock"

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="The products on sale.")


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help=f"CSV: {COLUMNS}.")],
    *,
    delivery: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Add the file's stock to what is there, once per KEY (such as a delivery note)."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create and update products from a CSV file: all of it or, if it has an error, nothing.

    The stock of a product that exists stays as it is, unless it is a delivery, or a sixth column expected_stock says
    how much is available now.
    """
    client = ShopClient(service_url(INVENTORY_SERVICE))
    headers = {"Content-Type": "text/csv", **({} if delivery is None else {"Idempotency-Key": delivery})}
    try:
        imported = read(Imported, client.call("POST", "/catalogue", file.read_bytes(), headers))
    except ShopRefusedError as refusal:
        if "errors" not in refusal.problem:
            raise
        _report_errors(refusal, file, as_json=as_json)
        raise typer.Exit(1) from None
    if as_json:
        say(shown_as_json(imported))
        return
    stock = f" ({imported.stock_changed} of them with another stock)" if imported.stock_changed else ""
    say(f"{file}: {imported.created} created, {imported.updated} updated{stock}, {imported.unchanged} unchanged")
    if imported.repeated:
        say(f"that was when delivery {delivery} was added; nothing was changed now")
    if imported.stock_ignored:
        say(f"the stock of {imported.stock_ignored} was left as it is: add a delivery with --delivery KEY")


@commands.command("list")
def list_products(
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List the products with their stock."""
    found = list(islice(ShopClient(shop_url()).products(), limit))
    if as_json:
        say(shown_as_json(found))
        return
    shown = table("sku", "name", "price", "available", id_width=1, right=("price", "available"))
    for product in found:
        price = money(product.price_cents, product.currency)
        shown.add_row(product.sku, escape(product.name), price, str(product.available))
    Console().print(shown)


def _report_errors(refusal: ShopRefusedError, file: Path, *, as_json: bool) -> None:
    if as_json:
        say(json.dumps(refusal.problem, indent=2))
        return
    errors = refusal.problem["errors"]
    for error in errors:
        say(f"{file}:{error['line']}: {error['message']}")
    hidden = int(refusal.problem.get("error_count", len(errors))) - len(errors)
    if hidden > 0:
        say(f"... and {hidden} more")
    typer.echo("shop: nothing was imported", err=True)
