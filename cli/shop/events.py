"""`shop events dead|show|replay`: what consumers gave up on."""

import json
from collections.abc import Iterator
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import TIME, FriendlyGroup, JsonOption, say
from cli.person import login_name
from cli.shop_client import ShopClient, read, service_url, shown_as_json
from shared.events.views import DeadLetterView, WholeDeadLetter
from shared.shop.registry import EVENT_RELAY

REASON_SHOWN: Final = 90

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A dead letter's id, such as dead-1f0c….")]
ByOption = Annotated[str | None, typer.Option(help="Who wants it; you, by your login name, if left out.")]

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="Look at the events that consumers gave up on.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="events")


class EventsClient(ShopClient):
    """A client of the relay's dead letters."""

    def dead(self) -> Iterator[DeadLetterView]:
        """All dead letters, the newest first."""
        return (read(DeadLetterView, one) for one in self.pages("/dead-letters"))

    def letter(self, name: str) -> WholeDeadLetter:
        """One dead letter, with its event."""
        return read(WholeDeadLetter, self.call("GET", f"/dead-letters/{quote(name, safe='')}"))

    def replay(self, name: str, by: str) -> DeadLetterView:
        """Have a letter replayed; a repeat changes nothing."""
        path = f"/dead-letters/{quote(name, safe='')}/replay"
        return read(DeadLetterView, self.call("POST", path, json.dumps({"by": by})))


@commands.command()
def dead(*, as_json: JsonOption = False) -> None:
    """List the events that a consumer gave up on, the newest first."""
    letters = list(_client().dead())
    if as_json:
        say(shown_as_json(letters))
        return
    if not letters:
        say("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=len("dead-") + 20)  # an id that is cut can't be copied
    for heading in ("consumer", "type", "subject", "replayed", "reason"):
        table.add_column(heading)
    for one in letters:
        replayed = "-" if one.replayed_at is None else f"{one.replayed_at:{TIME}}"
        cells = (one.consumer, str(one.type or "-"), one.subject or "-", replayed, _short(one.reason))
        table.add_row(one.dead_letter_id, *map(escape, cells))
    Console().print(table)


@commands.command()
def show(dead_letter_id: IdArgument) -> None:
    """Show one dead letter as JSON, with the event as it came."""
    say(shown_as_json(_client().letter(dead_letter_id)))


@commands.command()
def replay(dead_letter_id: IdArgument, *, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Send the event once more to the one consumer that gave up on it; a repeat changes nothing."""
    letter = _client().replay(dead_letter_id, by or login_name())
    if as_json:
        say(shown_as_json(letter))
    else:
        by_whom = f"{letter.replay_requested_by} wanted it at {letter.replay_requested_at:{TIME}}"
        say(f"{dead_letter_id} was replayed to {letter.consumer} at {letter.replayed_at:{TIME}} ({by_whom})")


def _client() -> EventsClient:
    return EventsClient(service_url(EVENT_RELAY))


def _short(reason: str) -> str:
    return reason if len(reason) <= REASON_SHOWN else f"{reason[: REASON_SHOWN - 1]}…"
