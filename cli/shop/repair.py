"""`shop repair list|show|retry|skip|settle|release|return`: where a person decides about orders that need attention."""

import json
import uuid
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.console import Console, Group
from rich.markup import escape

from cli.doctor.command import NamespaceOption, TargetOption, chosen_targets
from cli.output import TIME, ByOption, FriendlyGroup, JsonOption, age, login_name, say, table
from cli.shop.timeline import coloured
from cli.shop_client import ShopAwayError, ShopClient, read, shop_url, shown_as_json, wait_until
from devstack.errors import StackError
from shared.money import money
from shared.service.quarantine_api import RELEASES_PATH, PoisonList, PoisonView, ReleaseBody
from shared.shop.order import ReturnKind
from shared.shop.views import AttentionView, RepairList, RepairRequested, RepairView, ReturnView

APPLIED_WITHIN_SECONDS: Final = 90.0
"""The saga gives up on a decision that it can't carry out after a minute, and says so."""

OUTCOMES: Final = {
    "undone": "done: nothing is left to do by hand",
    "settled": "settled: now, and only now, do by hand what it says",
    "written_off": "written off: it stays as it is",
    "still_stuck": "not carried out: decide again when the reason is gone, or otherwise",
    "not_needed": "not needed: the step waited for no decision any more",
}

OrderArgument = Annotated[str, typer.Argument(help="An order's id.")]
StepArgument = Annotated[str, typer.Argument(help="The stuck step, such as process_payment.")]
ReasonOption = Annotated[str, typer.Option("--note", help="Why, and what is done by hand; it stays on the record.")]
NoteOption = Annotated[str, typer.Option(help="What was in its way; it stays on the record.")]
KeyOption = Annotated[str | None, typer.Option(help="The Idempotency-Key, to repeat a decision safely.")]

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="Decide about orders that need attention.")


@commands.command("list")
def list_waiting(*, as_json: JsonOption = False) -> None:
    """List the orders that need attention, the longest waiting first."""
    waiting = list(ShopClient(shop_url()).items(AttentionView, "/attention"))
    if as_json:
        say(shown_as_json(waiting))
        return
    if not waiting:
        say("no order needs attention")
        return
    shown = table("order", "waits", "at risk", "stuck", id_width=len("ord-") + 32, wraps=False)
    for order in waiting:
        at_risk = money(order.money_at_risk_cents, order.currency)
        stuck = ", ".join(one.step for one in order.stuck)
        shown.add_row(order.order_id, age(order.age_seconds), at_risk, stuck)
    reasons = [f"{order.order_id}: {escape(order.error or order.reason or '')}" for order in waiting]
    Console().print(Group(shown, *reasons))


@commands.command()
def show(order_id: OrderArgument, *, as_json: JsonOption = False) -> None:
    """Show what persons decided about an order, and what came of it."""
    repairs = _decisions(ShopClient(shop_url()), order_id)
    if as_json:
        say(shown_as_json(repairs))
    elif not repairs:
        say(f"nobody has decided anything about {order_id}")
    else:
        Console().print(Group(*(_story(repair) for repair in repairs)))


@commands.command()
def retry(  # noqa: PLR0913 - one option per thing that a decision has
    order_id: OrderArgument,
    step: StepArgument,
    *,
    by: ByOption = None,
    note: NoteOption = "",
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Undo the step once more: what was in its way is gone."""
    _decide(order_id, step, "retry", by=by, note=note, key=key, as_json=as_json)


@commands.command()
def release(
    order_id: OrderArgument,
    step: Annotated[str, typer.Argument(help="The quarantined step, activity, workflow or type of event.")],
    *,
    target: TargetOption = None,
    kubernetes: NamespaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a service try again what it died of: the cause is gone. It runs alone once, and all others go on."""
    released: list[PoisonView] = []
    away: list[str] = []
    body = ReleaseBody(saga_id=order_id, step=step).model_dump_json()
    with chosen_targets(target or (), kubernetes) as (targets, _, _):
        for app in targets:
            try:
                released += read(PoisonList, ShopClient(app.service_url).call("POST", RELEASES_PATH, body)).items
            except ShopAwayError:
                away.append(app.app_id)
    if not released:
        unasked = f", as far as can be said without {', '.join(away)}" if away else ""
        raise StackError(f"nothing named {step} of {order_id} is quarantined{unasked}; `shop reconcile` shows what is")
    if as_json:
        say(shown_as_json(released))
        return
    for one in released:
        say(f"released after {one.deaths} deaths: {one.what} of {one.saga_id}")
    say(f"if the order waits for a decision about it, go on with: shop repair retry {order_id} {step}")


def _by_hand(what: str) -> Callable[..., None]:
    def decide(  # noqa: PLR0913 - one option per thing that a decision has
        order_id: OrderArgument,
        step: StepArgument,
        *,
        note: ReasonOption,
        by: ByOption = None,
        key: KeyOption = None,
        as_json: JsonOption = False,
    ) -> None:
        _decide(order_id, step, what, by=by, note=note, key=key, as_json=as_json)

    return decide


@commands.command("return")
def record_return(  # noqa: PLR0913 - one option per thing that a return has
    order_id: OrderArgument,
    *,
    amount_cents: Annotated[int, typer.Option(min=1, help="So much, in minor units of the order's currency.")],
    kind: Annotated[ReturnKind, typer.Option(help="How the customer got it back.")] = ReturnKind.REFUND,
    currency: Annotated[str | None, typer.Option(help="The order's, if left out.")] = None,
    note: Annotated[str, typer.Option(help="Why; it stays on the record.")] = "",
    by: ByOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record what was given back of a completed order: conservation then explains it.

    No money is moved: refund at the gateway, or by hand, and record it here.
    """
    client, key = ShopClient(shop_url()), key or str(uuid.uuid4())
    given = {"kind": kind, "amount_cents": amount_cents, "currency": currency or client.order(order_id).currency}
    body = json.dumps({**given, "by": by or login_name(), "note": note})
    try:
        answer = client.call("POST", f"/orders/{quote(order_id, safe='')}/returns", body, {"Idempotency-Key": key})
    except ShopAwayError as error:
        raise StackError(f"{error}; to repeat this very record, add --key {key}") from None
    recorded = read(ReturnView, answer)
    amount = money(recorded.amount_cents, recorded.currency)
    say(
        shown_as_json(recorded)
        if as_json
        else f"{recorded.kind} of {amount} recorded for {order_id} ({recorded.return_id})"
    )


SKIP: Final = "Leave the step as it is, for good: its money, units or parcel are written off."
SETTLE: Final = "Take the step into your own hands: the shop won't undo it any more. Pay only when this says `settled`."
commands.command("skip", help=SKIP)(_by_hand("skip"))
commands.command("settle", help=SETTLE)(_by_hand("settle"))


def _decide(  # noqa: PLR0913 - what a decision has
    order_id: str, step: str, what: str, *, by: str | None, note: str, key: str | None, as_json: bool
) -> None:
    client, key = ShopClient(shop_url()), key or str(uuid.uuid4())
    decision = {"step": step, "decision": what, "by": by or login_name(), "note": note}
    try:
        answer = client.call("POST", _repairs(order_id), json.dumps(decision), {"Idempotency-Key": key})
    except ShopAwayError as error:
        # The answer may have been lost on its way back: only with this key is a repeat no second decision.
        raise StackError(f"{error}; to repeat this very decision, add --key {key}") from None
    repair = _wait_until_applied(client, order_id, read(RepairRequested, answer).repair_id)
    if as_json:
        say(shown_as_json(repair))
    else:
        Console().print(_story(repair))
    if repair.outcome == "still_stuck":
        raise typer.Exit(1)


def _wait_until_applied(client: ShopClient, order_id: str, repair_id: str) -> RepairView:
    """The decision once it was carried out; an outage of the shop in between is waited out.

    Raises:
        StackError: the time is over; the decision stands all the same.
    """

    def decision() -> RepairView:
        (found,) = [one for one in _decisions(client, order_id) if one.repair_id == repair_id]
        return found

    return wait_until(
        decision,
        lambda repair: repair.status == "applied",
        APPLIED_WITHIN_SECONDS,
        lambda now: (
            f"decision {repair_id} is not applied after {APPLIED_WITHIN_SECONDS:.0f} s ({now}). It stands and will "
            f"be: `shop repair show {order_id}` shows what comes of it; do nothing by hand before"
        ),
    )


def _story(repair: RepairView) -> str:
    outcome = repair.outcome
    end = "not applied yet" if outcome is None else f"{coloured(outcome)}  {OUTCOMES.get(outcome, outcome)}"
    note = f": {escape(repair.note)}" if repair.note else ""
    detail = f"\n  {escape(repair.detail)}" if repair.detail else ""
    who = f"{repair.decision} by {escape(repair.by)}{note}"
    applied = "-" if repair.applied_at is None else f"{repair.applied_at:{TIME}}"
    times = f"requested {repair.requested_at:{TIME}}, applied {applied}"
    return f"{repair.step}: {who}\n  {times} ({repair.repair_id})\n  {end}{detail}"


def _decisions(client: ShopClient, order_id: str) -> list[RepairView]:
    return read(RepairList, client.call("GET", _repairs(order_id))).items


def _repairs(order_id: str) -> str:
    return f"/orders/{quote(order_id, safe='')}/repairs"
