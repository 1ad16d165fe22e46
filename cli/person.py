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


def age(seconds: float) -> str:
    """How long something has waited, short."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
