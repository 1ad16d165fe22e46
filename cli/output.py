"""How commands speak: one sentence for what went wrong, plain lines for progress."""

import getpass
import os
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import JustifyMethod
from rich.table import Table
from typer.core import TyperGroup

from devstack.errors import SettingsError, StackError

INTERRUPTED_EXIT_CODE = 130
TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
"""How a moment in UTC is shown."""

JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


class FriendlyGroup(TyperGroup):
    """Turns what is the user's to repair into one sentence and an exit code, instead of a stack trace."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer does not export its type
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StackError as error:
            typer.echo(f"shop: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except UnicodeEncodeError as error:
            # How Python keeps the bytes of an argument that are no text in the terminal's encoding.
            if not any("\udc80" <= letter <= "\udcff" for letter in error.object):
                raise
            typer.echo(f"shop: {error.object[:80]!a} is no text: an argument holds bytes that aren't UTF-8", err=True)
            raise typer.Exit(SettingsError.exit_code) from None
        except PermissionError as error:
            if error.filename is None:
                raise
            typer.echo(f"shop: {_not_ours(Path(os.fsdecode(error.filename)))}", err=True)
            raise typer.Exit(StackError.exit_code) from None
        except KeyboardInterrupt:
            typer.echo("shop: interrupted", err=True)
            raise typer.Exit(INTERRUPTED_EXIT_CODE) from None
        except BrokenPipeError:
            # Whoever read us (head, less) has seen enough.
            sys.stderr.close()
            raise typer.Exit(0) from None


def _not_ours(file: Path) -> str:
    """The sentence about a file that another user made, such as root by a sudo too many."""
    there = next((one for one in (file, *file.parents) if os.path.exists(one)), file)  # noqa: PTH110 - Path.exists asks, and fails
    try:
        owner = there.owner()
    except (OSError, KeyError):  # of a user whom this machine doesn't know
        owner = "another user"
    return f"{file} can't be used: {there} belongs to {owner}; give it back with `sudo chown -R {login_name()} {there}`"


def say(line: str) -> None:
    """Print a progress line at once."""
    typer.echo(line)
    sys.stdout.flush()


def table(*headings: str, id_width: int = 0, right: Collection[str] = (), wraps: bool = True) -> Table:
    """A table without lines; the first column shows ids of this width whole, for an id that is cut can't be copied."""
    empty = Table(box=None, pad_edge=False)
    for place, heading in enumerate(headings):
        is_id, is_right = bool(id_width) and place == 0, heading in right
        justify: JustifyMethod = "right" if is_right else "left"
        whole = is_id or is_right or not wraps
        empty.add_column(heading, no_wrap=whole, min_width=id_width if is_id else None, justify=justify)
    return empty


def megabytes(amount_bytes: int) -> str:
    """An amount of memory."""
    return f"{amount_bytes / 1_000_000:.0f} MB"


def duration(since: float | None) -> str:
    """The time since a moment, as people say it."""
    return "-" if since is None else age(max(0.0, time.time() - since))


def age(seconds: float) -> str:
    """How long something has waited, short."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


ByOption = Annotated[str | None, typer.Option(help="Who decides; you, by your login name, if left out.")]


def login_name() -> str:
    """Who is at the terminal.

    Raises:
        StackError: nobody is logged in, so that the decision needs a name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise StackError("nobody is logged in here: say who decides with --by NAME") from None
