"""The saga's durable timers: as few as possible, since each one is a job in the scheduler.

A step's deadline needs a timer only to wake the saga in time. One that is set to an earlier moment does as well: when
it fires, a new one is set for what remains. An order without trouble so sets a single timer. The same timer waits
for the customer's cancel, because the SDK sets one for every wait for an event anyway.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.saga.context import Branch, Task, WorkflowContext
from shared.saga.events import CANCEL_EVENT


@dataclass(frozen=True, slots=True)
class _Wake:
    task: Task
    at: datetime
    hears_cancel: bool

    @property
    def is_cancel(self) -> bool:
        return self.hears_cancel and self.task.is_complete and not self.task.is_failed


class Timers:
    """Wakes the saga at deadlines and on cancel."""

    def __init__(self, ctx: WorkflowContext) -> None:
        self._ctx = ctx
        self._pending: list[_Wake] = []
        self._events: dict[str, Task] = {}
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """The cancel event has arrived."""
        self._cancelled = self._cancelled or any(wake.is_cancel for wake in self._pending)
        return self._cancelled

    def wait_for(self, task: Task, deadline: datetime | None, *, heeds_cancel: bool) -> Branch[bool]:
        """Wait until the task is complete (True) or the deadline has passed (False). A cancel cuts nothing short."""
        while not task.is_complete:
            if deadline is None:
                yield [task]
                continue
            wake = self._wake_by(deadline, heeds_cancel=heeds_cancel)
            yield [task, wake.task]
            passed = wake.task.is_complete and not wake.is_cancel and wake.at >= deadline
            if passed and not task.is_complete:
                return False
        return True

    def pause(self, seconds: float, deadline: datetime | None, *, heeds_cancel: bool) -> Branch[bool]:
        """Wait so long; True as soon as a cancel that is heeded arrives."""
        timer: Task = self._ctx.create_timer(timedelta(seconds=seconds))
        while not timer.is_complete:
            if not heeds_cancel or deadline is None:
                yield [timer]
                continue
            if self.cancelled:
                return True
            yield [timer, *self._waiting_for_cancel(self._wake_by(deadline, heeds_cancel=True))]
        return heeds_cancel and self.cancelled

    def wait_for_event(self, name: str, until: datetime) -> Branch[bool]:
        """Wait for an external event; False if `until` has passed or a cancel has arrived before it."""
        # One that was waited for in vain is waited for again: it would take the event from a second one.
        event = self._events.pop(name, None) or self._ctx.wait_for_external_event(name)
        while not event.is_complete and not self.cancelled:
            wake = self._wake_by(until, heeds_cancel=True)
            yield [event, *self._waiting_for_cancel(wake)]
            if wake.task.is_complete and not wake.is_cancel and wake.at >= until:
                break
        if not event.is_complete:
            self._events[name] = event
        return bool(event.is_complete)

    def _waiting_for_cancel(self, first: _Wake) -> list[Task]:
        """`first`, and all others that wait for a cancel: the engine gives it to the one that has waited longest."""
        others = (wake for wake in self._pending if wake.hears_cancel and wake is not first)
        return [first.task, *(wake.task for wake in others)]

    def _wake_by(self, deadline: datetime, *, heeds_cancel: bool) -> _Wake:
        """A pending timer that fires by the deadline; a new one at the deadline if there is none."""
        listen = heeds_cancel and not self.cancelled
        self._pending = [wake for wake in self._pending if not wake.task.is_complete]
        for wake in self._pending:
            if wake.at <= deadline and wake.hears_cancel >= listen:
                return wake
        if listen:
            wake = _Wake(self._ctx.wait_for_external_event(CANCEL_EVENT, timeout=deadline), deadline, hears_cancel=True)
        else:
            wake = _Wake(self._ctx.create_timer(deadline), deadline, hears_cancel=False)
        self._pending.append(wake)
        return wake
