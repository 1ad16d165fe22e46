"""How an order's story is shown in a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from cli.output import table
from shared.contracts.timeline import StepRecord
from shared.money import money
from shared.shop.approval import ApprovalState
from shared.shop.views import OrderView

COLOURS: Final = {
    "done": "green",
    "completed": "green",
    "audited": "green",
    "refused": "yellow",
    "compensated": "yellow",
    "cancelled": "yellow",
    "unknown": "magenta",
    "failed": "red",
    "needs_attention": "red",
    "waiting": "magenta",
    "approved": "green",
    "rejected": "yellow",
    "expired": "yellow",
    "undone": "green",
    "settled": "yellow",
    "written_off": "yellow",
    "still_stuck": "red",
}


def timeline(order: OrderView) -> Group:
    """The order's steps in the order in which they began, and below them what went wrong."""
    error = [f"error: {escape(order.error)}"] if order.error else []
    return Group(headline(order), *steps_shown(order.accepted_at, order.steps), *error)


def steps_shown(accepted_at: datetime, steps: Sequence[StepRecord]) -> list[Table | str]:
    """A table of steps, and a line for each error."""
    right = ("tries", "at ms", "took ms")
    shown = table("step", "app", "kind", "outcome", *right, right=right, wraps=False)
    for step in steps:
        shown.add_row(
            step.name,
            step.app_id,
            step.kind,
            coloured(step.outcome),
            str(step.attempts),
            str(milliseconds_between(accepted_at, step.started_at)),
            took(step),
        )
    # A column for errors would leave them a few letters' width on an 80 column terminal.
    return [shown, *(f"{step.name}: {escape(step.error)}" for step in steps if step.error)]


def headline(order: OrderView) -> str:
    """The order in one line, and what its customer reads."""
    ended = order.ended_at
    after = f" after {milliseconds_between(order.accepted_at, ended)} ms" if ended else ""
    parcel = f", parcel {order.tracking_number}" if order.tracking_number else ""
    reason = f"\n{escape(order.reason)}" if order.reason else ""
    waits = ", waits for approval" if order.approval is ApprovalState.WAITING else ""
    total = money(order.total_cents, order.currency)
    return f"{order.order_id}  {coloured(order.status)}{after} ({total}{parcel}{waits}){reason}"


def took(step: StepRecord) -> str:
    """How long a step took, all attempts together."""
    ended = step.ended_at
    return "..." if ended is None else str(milliseconds_between(step.started_at, ended))


def coloured(word: str) -> str:
    """The word in the colour that it has everywhere."""
    colour = COLOURS.get(word)
    return f"[{colour}]{word}[/{colour}]" if colour else word


def milliseconds_between(earlier: datetime, later: datetime) -> int:
    """The time between two moments."""
    return round((later - earlier).total_seconds() * 1000)
