"""What approvals, repairs and replays share: a person decides."""

import getpass
from typing import Annotated

import typer

from devstack.errors import StackError

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
