"""`shop events dead|show|replay`: what consumers gave up on."""

import json
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape

from cli.output import TIME, ByOption, FriendlyGroup, JsonOption, login_name, say, table
from cli.shop_client import ShopClient, read, service_url, shown_as_json
from shared.events.views import DeadLetterView, WholeDeadLetter
from shared.shop.registry import EVENT_RELAY

REASON_SHOWN: Final = 90

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A dead letter's id, such as dead-1f0c….")]

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="Look at the events that consumers gave up on.")


@commands.command()
def dead(*, as_json: JsonOption = False) -> None:
    """List the events that a consumer gave up on, the newest first."""
    letters = list(_relay().items(DeadLetterView, "/dead-letters"))
    if as_json:
        say(shown_as_json(letters))
        return
    if not letters:
        say("no dead letters")
        return
    shown = table("id", "consumer", "type", "subject", "replayed", "reason", id_width=len("dead-") + 20)
    for one in letters:
        replayed = "-" if one.replayed_at is None else f"{one.replayed_at:{TIME}}"
        cells = (one.consumer, str(one.type or "-"), one.subject or "-", replayed, _short(one.reason))
        shown.add_row(one.dead_letter_id, *map(escape, cells))
    Console().print(shown)


@commands.command()
def show(dead_letter_id: IdArgument) -> None:
    """Show one dead letter as JSON, with the event as it came."""
    say(shown_as_json(read(WholeDeadLetter, _relay().call("GET", _path(dead_letter_id)))))


@commands.command()
def replay(dead_letter_id: IdArgument, *, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Send the event once more to the one consumer that gave up on it; a repeat changes nothing."""
    body = json.dumps({"by": by or login_name()})
    letter = read(DeadLetterView, _relay().call("POST", f"{_path(dead_letter_id)}/replay", body))
    if as_json:
        say(shown_as_json(letter))
    else:
        by_whom = f"{letter.replay_requested_by} wanted it at {letter.replay_requested_at:{TIME}}"
        say(f"{dead_letter_id} was replayed to {letter.consumer} at {letter.replayed_at:{TIME}} ({by_whom})")


def _relay() -> ShopClient:
    return ShopClient(service_url(EVENT_RELAY))


def _path(dead_letter_id: str) -> str:
    return f"/dead-letters/{quote(dead_letter_id, safe='')}"


def _short(reason: str) -> str:
    return reason if len(reason) <= REASON_SHOWN else f"{reason[: REASON_SHOWN - 1]}…"
