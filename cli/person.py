"""What approvals and repairs share: a person decides."""

import getpass

from devstack.errors import StackError


def login_name() -> str:
    """Who is at the terminal.

    Raises:
        StackError: nobody is logged in, so that the decision needs a name.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise StackError("nobody is logged in here: say who decides with --by NAME") from None
