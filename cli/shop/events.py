"""`shop events dead|show|replay`: what consumers gave up on."""

import getpass
import json
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import FriendlyGroup, say
from cli.shop_client import ShopClient
from devstack.errors import StackError
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient
from shared.shop.registry import EVENT_RELAY

REASON_SHOWN: Final = 90

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="A dead letter's id, such as dead-1f0c….")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]
ByOption = Annotated[str | None, typer.Option(help="Who wants it; you, by your login name, if left out.")]

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="Look at the events that consumers gave up on.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="events")


class EventsClient(ShopClient):
    """A client of the relay's dead letters."""

    def dead(self) -> list[dict[str, Any]]:
        """All dead letters, the newest first."""
        letters: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            query = f"?{urlencode({'cursor': cursor})}" if cursor is not None else ""
            page = self.call("GET", f"/dead-letters{query}")
            letters += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return letters

    def letter(self, name: str) -> dict[str, Any]:
        """One dead letter, with its event."""
        found: dict[str, Any] = self.call("GET", f"/dead-letters/{quote(name, safe='')}")
        return found

    def replay(self, name: str, by: str) -> dict[str, Any]:
        """Have a letter replayed; a repeat changes nothing."""
        path = f"/dead-letters/{quote(name, safe='')}/replay"
        replayed: dict[str, Any] = self.call("POST", path, json.dumps({"by": by}))
        return replayed


@commands.command()
def dead(*, as_json: JsonOption = False) -> None:
    """List the events that a consumer gave up on, the newest first."""
    letters = _client().dead()
    if as_json:
        say(json.dumps(letters, indent=2))
        return
    if not letters:
        say("no dead letters")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True, min_width=len("dead-") + 20)  # an id that is cut can't be copied
    for heading in ("consumer", "type", "subject", "replayed", "reason"):
        table.add_column(heading)
    for one in letters:
        cells = (one["consumer"], one["type"] or "-", one["subject"] or "-", one["replayed_at"] or "-")
        table.add_row(one["dead_letter_id"], *(escape(str(cell)) for cell in cells), escape(_short(one["reason"])))
    Console().print(table)


@commands.command()
def show(dead_letter_id: IdArgument) -> None:
    """Show one dead letter as JSON, with the event as it came."""
    say(json.dumps(_client().letter(dead_letter_id), indent=2))


@commands.command()
def replay(dead_letter_id: IdArgument, *, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Send the event once more to the one consumer that gave up on it; a repeat changes nothing."""
    letter = _client().replay(dead_letter_id, by or _login_name())
    if as_json:
        say(json.dumps(letter, indent=2))
    else:
        by_whom = f"{letter['replay_requested_by']} wanted it at {letter['replay_requested_at']}"
        say(f"{dead_letter_id} was replayed to {letter['consumer']} at {letter['replayed_at']} ({by_whom})")


def _client() -> EventsClient:
    url = StackClient(load_settings().home).urls().get(EVENT_RELAY)
    if url is None:
        raise StackError("the event relay isn't part of the stack that runs; start it with `shop up`")
    return EventsClient(url)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise StackError("nobody is logged in here: say who wants it with --by NAME") from None


def _short(reason: str) -> str:
    return reason if len(reason) <= REASON_SHOWN else f"{reason[: REASON_SHOWN - 1]}…"
