"""In which order waiting events are published: one after the other per subject, side by side across subjects."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from event_relay.outboxes import Waiting


class Queues:
    """The events of each order in a queue of their own."""

    def __init__(self, events: Iterable[Waiting]) -> None:
        by_subject: dict[str, list[Waiting]] = {}
        for event in events:
            by_subject.setdefault(event.subject, []).append(event)
        self._queues = {subject: deque(in_order(waiting)) for subject, waiting in by_subject.items()}

    def heads(self, limit: int) -> Sequence[Waiting]:
        """The next events, at most one of each subject."""
        heads: list[Waiting] = []
        for queue in self._queues.values():
            if len(heads) == limit:
                break
            heads.append(queue[0])
        return heads

    def published(self, event: Waiting) -> None:
        """The broker has it: the next of its subject may go, after those of the others."""
        queue = self._queues.pop(event.subject)
        queue.popleft()
        if queue:
            self._queues[event.subject] = queue

    def failed(self, event: Waiting) -> None:
        """Nothing of its subject may go before it does."""
        del self._queues[event.subject]


def in_order(events: Iterable[Waiting]) -> list[Waiting]:
    """The events of one subject, each source's by sequence, and across sources as they happened.

    A clock that was set back never turns two events of one source around.
    """
    return [event for _, _, event in sorted(_timed(events), key=lambda one: one[:2])]


def _timed(events: Iterable[Waiting]) -> Iterator[tuple[datetime, int, Waiting]]:
    latest: dict[str, datetime] = {}
    for event in sorted(events, key=lambda one: one.sequence):
        latest[event.source] = max(event.occurred_at, latest.get(event.source, event.occurred_at))
        yield latest[event.source], event.sequence, event
