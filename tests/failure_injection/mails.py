"""The customers' mails: what they should be by the orders' books, and what they are by log and mailbox."""

import asyncio
import json
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient
from tests.stream import query

ENDS: Final = "SELECT order_id, 'order.' || status AS step FROM order_service.orders WHERE ended_at IS NOT NULL"
# Tasks send mails of their own.
LOG: Final = "SELECT saga_id, step, status FROM notification_service.notifications WHERE step LIKE 'order.%'"
OURS: Final = "Your order "
MOST_MAILS: Final = 1000
INBOX: Final = "SELECT state, count(*) FROM notification_service.inbox GROUP BY state"
LEFT: Final = "SELECT count(*) FROM notification_service.order_mails"
PUBLISHED: Final = "SELECT sum(events) FROM order_service.orders"
WORDS: Final = {
    "order.completed": "is on its way",
    "order.compensated": "could not be completed",
    "order.cancelled": "is cancelled",
}

Mail = tuple[str, str]
"""The order, and the event that it is about."""


@dataclass(frozen=True)
class Mails:
    """One run's mails."""

    expected: Sequence[Mail]
    sent: Sequence[Mail]
    unknown: Sequence[Mail]
    """Its sender died while it was leaving."""
    other: Sequence[Mail]
    dead_events: int
    arrived: Sequence[str]
    """The subjects, as the mailbox got them."""

    def wrong(self) -> list[str]:
        """Every mail that is missing, doubled, or nobody's."""
        logged = Counter([*self.sent, *self.unknown, *self.other])
        arrived = Counter(self.arrived)
        may_arrive = {subject(mail) for mail in (*self.sent, *self.unknown)}
        return [
            *(f"not in the log: {mail}" for mail in set(self.expected) - set(logged)),
            *(f"in the log, but no end of an order: {mail}" for mail in set(logged) - set(self.expected)),
            *(f"neither sent nor unknown: {mail}" for mail in self.other),
            *(f"sent, but it didn't arrive: {mail}" for mail in self.sent if not arrived[subject(mail)]),
            *(f"arrived {count} times: {name}" for name, count in arrived.items() if count != 1),
            *(f"arrived, but wasn't sent: {name}" for name in arrived if name not in may_arrive),
            *([f"{self.dead_events} events are dead"] if self.dead_events else []),
        ]


def subject(mail: Mail) -> str:
    """The subject that the customer reads."""
    return f"{OURS}{mail[0]} {WORDS[mail[1]]}"


def mails_if_caught_up(settings: StackSettings, stack: StackClient) -> Mails | None:
    """The mails, or None while the consumer hasn't settled all events of orders, or has a mail left to send."""
    return asyncio.run(_mails(settings, stack))


async def _mails(settings: StackSettings, stack: StackClient) -> Mails | None:
    inbox = {row["state"]: row["count"] for row in await query(settings, INBOX)}
    [(published,)] = await query(settings, PUBLISHED)
    [(left,)] = await query(settings, LEFT)
    if left or inbox.get("done", 0) + inbox.get("dead", 0) < published:
        return None
    log = await query(settings, LOG)
    by_status = {status: [(row["saga_id"], row["step"]) for row in log if row["status"] == status] for status in _ALL}
    return Mails(
        expected=[(row["order_id"], row["step"]) for row in await query(settings, ENDS)],
        sent=by_status["sent"],
        unknown=by_status["unknown"],
        other=[mail for status in _ALL if status not in {"sent", "unknown"} for mail in by_status[status]],
        dead_events=inbox.get("dead", 0),
        arrived=_arrived(stack.urls()["mailbox"]),
    )


_ALL: Final = ("pending", "leaving", "sent", "refused", "unknown")


def _arrived(mailbox_url: str) -> list[str]:
    return [one["subject"] for one in mails_in(mailbox_url) if one["subject"].startswith(OURS)]


def mails_in(mailbox_url: str) -> list[dict[str, Any]]:
    """Every mail that the mailbox got."""
    with urllib.request.urlopen(f"{mailbox_url}/messages?limit={MOST_MAILS}", timeout=30) as response:
        mails: list[dict[str, Any]] = json.load(response)["items"]
    assert len(mails) < MOST_MAILS, "the mailbox shows no more at once"
    return mails
