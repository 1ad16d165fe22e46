"""The tasks that the completed orders ask for: what they should be by the orders' books, and what they are."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient
from tests.failure_injection.mails import mails_in
from tests.stream import query

COMPLETED: Final = "SELECT order_id FROM order_service.orders WHERE status = 'completed'"
TASKS: Final = """
    SELECT task_id, order_id, status, restarts, coalesce(reason, result -> 'notifications' -> 0 ->> 'reason') AS reason
    FROM task_orchestrator_service.tasks
"""
DEAD: Final = "SELECT count(*) FROM task_orchestrator_service.inbox WHERE state = 'dead'"
# The mail's sender died in the moment of sending: the task says so.
UNKNOWN: Final = (
    "SELECT DISTINCT saga_id FROM notification_service.notifications WHERE status = 'unknown' AND medium = 'email'"
)
SUBJECT: Final = "Task Assigned"
ENDED: Final = {"completed", "failed"}


@dataclass(frozen=True)
class Packing:
    """One run's orders and tasks."""

    completed_orders: Sequence[str]
    tasks: Sequence[tuple[str, str, str | None]]
    """Order, status, and the reason why it failed, or why its customer wasn't mailed."""
    unknown: int
    """Of so many nobody knows whether their customer was mailed: the mail's sender was killed while it left."""
    dead_events: int
    restarts: int
    """So often a task was begun anew."""

    @property
    def sent(self) -> int:
        """So many tasks say that their customer was mailed."""
        return sum(status == "completed" for _, status, _ in self.tasks) - self.unknown

    def settled(self) -> bool:
        """Whether every completed order has a task, and every task has ended."""
        with_task = {order_id for order_id, _, _ in self.tasks}
        return with_task >= set(self.completed_orders) and all(status in ENDED for _, status, _ in self.tasks)

    def wrong(self, mails_sent: Sequence[str]) -> list[str]:
        """Orders without their one task; tasks that failed, mailed nobody or are nobody's; mails lost or doubled."""
        counts = Counter(order_id for order_id, _, _ in self.tasks)
        orders = set(self.completed_orders)
        mails = Counter(mails_sent)
        return [
            *(f"{order_id} has {counts[order_id]} tasks" for order_id in orders if counts[order_id] != 1),
            *(f"a task for {order_id}, which isn't completed" for order_id in counts if order_id not in orders),
            *(f"task of {order_id}: {status}, {reason}" for order_id, status, reason in self.tasks if reason),
            *(f"came {count} times: {body}" for body, count in mails.items() if count > 1),
            *([f"{len(mails)} mails, {self.sent} tasks have sent one"] if len(mails) < self.sent else []),
            *([f"{self.dead_events} events are dead"] if self.dead_events else []),
        ]


def packing(settings: StackSettings) -> Packing:
    """How it stands now."""
    return asyncio.run(_packing(settings))


def packing_if_settled(settings: StackSettings) -> Packing | None:
    """How it ended, or None while a task is missing or under way."""
    now = packing(settings)
    return now if now.settled() else None


def packing_mails(stack: StackClient) -> list[str]:
    """The bodies of what the customers got, which name the order."""
    return [one["body"] for one in mails_in(stack.urls()["mailbox"]) if one["subject"] == SUBJECT]


async def _packing(settings: StackSettings) -> Packing:
    [(dead,)] = await query(settings, DEAD)
    senders_died = {row["saga_id"] for row in await query(settings, UNKNOWN)}
    tasks = await query(settings, TASKS)
    unknown = {row["task_id"] for row in tasks if row["reason"] and row["task_id"] in senders_died}
    return Packing(
        completed_orders=[row["order_id"] for row in await query(settings, COMPLETED)],
        tasks=[(row["order_id"], row["status"], None if row["task_id"] in unknown else row["reason"]) for row in tasks],
        unknown=len(unknown),
        dead_events=int(dead),
        restarts=sum(row["restarts"] for row in tasks),
    )
