"""What an address does: the part before the `@` (or the user of a push) says how delivery fails, as test cards do.

    bounce@…       550 at RCPT: nobody of that name
    greylist@…     450 at RCPT the first two times, then taken; greylist-5@… the first five times
    toobig@…       552 after the message
    tempfail@…     451 after the message the first time, then taken; tempfail-3@… the first three times
    slow@…         taken, and answered some seconds later (MAILBOX_SLOW_SECONDS)
    drop@…         the message is taken, and the connection closed without an answer
    lose@…         the connection is closed in the middle of the message, which isn't taken

A push to the user `gone` gets 410, to `flaky` 503 the first time (`flaky-4` the first four times), to `slow` a late
answer, to `drop` none though the message is taken. More may follow behind a `+`: bounce+1@….
"""

import re
from dataclasses import dataclass
from typing import Final

_HABIT: Final = re.compile(r"([a-z]+)(?:-(\d{1,3}))?")
_TIMES: Final = {"greylist": 2, "tempfail": 1, "flaky": 1}
HABITS: Final = frozenset({"bounce", "greylist", "toobig", "tempfail", "slow", "drop", "lose", "gone", "flaky"})


@dataclass(frozen=True, slots=True)
class Habit:
    """What happens to a delivery; `times` is how often, for a failure that passes."""

    name: str
    times: int = 0


def habit_of(name: str) -> Habit:
    """The habit of an address or a user; an ordinary one has none."""
    said = _HABIT.fullmatch(name.partition("@")[0].partition("+")[0].lower())
    if said is None or said[1] not in HABITS:
        return Habit("")
    return Habit(said[1], int(said[2]) if said[2] else _TIMES.get(said[1], 0))
