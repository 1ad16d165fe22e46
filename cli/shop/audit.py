"""`shop audit`: the audit trail, read and verified."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import TIME, FriendlyGroup, JsonOption, say, table
from cli.shop_client import ShopClient, ShopRefusedError, read, service_url, shown_as_json
from devstack.errors import SettingsError
from shared.shop.audit import (
    AUDIT_SERVICE,
    AuditHead,
    AuditRecordPage,
    AuditRecordView,
    AuditVerdict,
    SeenWorkflow,
)

commands = typer.Typer(
    cls=FriendlyGroup, no_args_is_help=True, help="The audit trail: what was done to which task, for good."
)


@commands.command()
def verify(
    *,
    anchor: Annotated[
        str | None, typer.Option(help="A head that `shop audit head` printed earlier, kept outside the database.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the whole chain again; exit code 1 if any record was changed, removed, reordered or inserted."""
    query = f"?{urlencode({'anchor': anchor})}" if anchor is not None else ""
    try:
        verdict = read(AuditVerdict, _client().call("GET", f"/verify{query}"))
    except ShopRefusedError as refusal:
        # Not 1, which says that the trail doesn't hold.
        raise (SettingsError(str(refusal)) if refusal.status == HTTPStatus.UNPROCESSABLE_ENTITY else refusal) from None
    if as_json:
        say(shown_as_json(verdict))
    else:
        for line in verdict_lines(verdict, has_anchor=anchor is not None):
            say(line)
    if not verdict.holds:
        raise typer.Exit(1)


@commands.command()
def head(*, as_json: JsonOption = False) -> None:
    """Print the newest record's number and hash, to be kept where the database's administrators can't write."""
    found = read(AuditHead, _client().call("GET", "/head"))
    say(shown_as_json(found) if as_json else found.anchor)


@commands.command()
def show(
    subject: Annotated[str | None, typer.Argument(help="A task's or an order's id; by default all.")] = None,
    *,
    after: Annotated[int, typer.Option(min=0, help="Only records with a higher number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many, the oldest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show records with the steps that led to them."""
    query = {"after": after, "limit": limit, **({"subject": subject} if subject is not None else {})}
    page = read(AuditRecordPage, _client().call("GET", f"/records?{urlencode(query, quote_via=quote)}"))
    if as_json:
        say(shown_as_json(page))
        return
    if not page.items:
        say(f"no record of {subject}" if subject is not None else "no record yet")
        return
    Console().print(_table(page.items))
    if page.next_after is not None:
        say(f"there may be more: --after {page.next_after}")


def verdict_lines(verdict: AuditVerdict, *, has_anchor: bool) -> list[str]:
    """The verdict, and what to do about it."""
    broken = verdict.broken
    if broken is not None:
        return [f"record {broken.number}: {broken.what}", f"{broken.what_to_do}.", "the audit trail does NOT hold"]
    unproven = "but only an --anchor kept outside proves that it wasn't replaced as a whole"
    kept = "and the given anchor is in it" if has_anchor else unproven
    return [
        f"the audit trail holds: {verdict.records} records, {kept}",
        f"its head, to be kept outside the database: {verdict.anchor}",
    ]


def _table(records: list[AuditRecordView]) -> Table:
    shown = table("number", "recorded at", "subject", "what", "led to by")
    for record in records:
        lineage = [read(SeenWorkflow, one) for one in record.content.get("lineage", ())]
        shown.add_row(
            str(record.number),
            f"{record.recorded_at:{TIME}}",
            escape(record.subject),
            escape(str(record.content.get("action", record.kind))),
            escape("\n".join(map(_steps, lineage))),
        )
    return shown


def _steps(workflow: SeenWorkflow) -> str:
    steps = ", ".join(f"{step.name} {step.outcome}" for step in workflow.steps)
    more = f" and {workflow.left_out} more" if workflow.left_out else ""
    return f"{workflow.workflow} on {workflow.app_id}: {steps}{more}"


def _client() -> ShopClient:
    return ShopClient(service_url(AUDIT_SERVICE))
