"""`shop conservation`."""

import json
from typing import Annotated, Any, Final

import typer

from cli.output import say
from cli.shop_client import ShopClient, shop_url

NEXT_STEPS: Final = (
    "what to do: `shop show ORDER` shows what became of an order, `shop reconcile` finds what no order or no workflow "
    "stands for, and docs/failures.md says how each failure should have ended"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(conservation)


def conservation(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Check that no cent, unit or parcel was lost or doubled; exit code 0 if so."""
    report = ShopClient(shop_url()).conservation()
    if as_json:
        say(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            if isinstance(value, int) and not isinstance(value, bool):
                say(f"{name.replace('_', ' '):20} {value:>16,}")
        for closing in report.get("closed_by_hand", ()):
            say(by_hand(closing))
        for line in verdict(report):
            say(line)
        if not report["holds"]:
            say(NEXT_STEPS)
    if not report["holds"]:
        raise typer.Exit(1)


def by_hand(closing: dict[str, Any]) -> str:
    """What a person closed instead of its compensation, in a line."""
    what = f"{closing['amount']} {closing['unit']}" + ("" if closing["unit"].islower() else " cents")
    return (
        f"{closing['status'].replace('_', ' ')} by hand: {closing['order_id']} {closing['step']}: {what} "
        f"by {closing['by']} at {closing['closed_at']}: {closing['note']}"
    )


def verdict(report: dict[str, Any]) -> list[str]:
    """Each violation in a line, and the conclusion."""
    violations = [f"violated: {one['rule']}: {one['subject']}: {one['detail']}" for one in report["violations"]]
    rules = len(report.get("rules", ()))
    checked = f" ({rules} rules)" if rules else ""
    if report["holds"]:
        return [f"conservation holds{checked}"]
    return [*violations, f"conservation does NOT hold: {len(violations)} violations{checked}"]
