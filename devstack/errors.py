"""What can go wrong with the local stack; each message is one sentence that says what to do."""

import difflib
from collections.abc import Sequence


class StackError(Exception):
    """The local stack can't do what was asked; the message says what to do about it."""

    exit_code = 1


class SettingsError(StackError):
    """One or more environment variables are wrong; all of them are named."""

    exit_code = 2


class RuntimeMissingError(StackError):
    """The Dapr runtime is neither here nor buildable."""


class AlreadyRunningError(StackError):
    """A supervisor already holds this state folder."""


class NotRunningError(StackError):
    """No supervisor runs for this state folder."""

    exit_code = 3


class PortTakenError(StackError):
    """A port that the stack needs is held by another process."""


class StartFailedError(StackError):
    """A process of the stack didn't become ready."""


class UnknownProcessError(StackError):
    """The stack has no process of that name."""

    exit_code = 2


class UnknownHostError(StackError):
    """The stack has no host of that name."""

    exit_code = 2


class NetworkError(StackError):
    """The hosts of the stack can't be made here."""


class BootstrapError(StackError):
    """The database server can't be prepared for the shop."""


def unknown_name(name: str, known: Sequence[str], what: str = "process") -> str:
    """A sentence that names the nearest known name, or all of them."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if nearest:
        return f"there is no {what} {name!r}; did you mean {nearest[0]}?"
    return f"there is no {what} {name!r}; there are: {', '.join(known)}"
