"""The saga's durable timers: as few as possible, since each one is a job in the scheduler.

A step's deadline needs a timer only to resume the saga in time. One that is set to an earlier moment does as well: when
it fires, a new one is set for what remains. An order without trouble so sets a single timer. The same timer waits
for the customer's cancel, because the SDK sets one for every wait for an event anyway.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.saga.context import Branch, Task, WorkflowContext

CANCEL_EVENT: Final = "cancel"
"""The customer cancels: the saga begins no further step and compensates."""


@dataclass(frozen=True, slots=True)
class _Timer:
    task: Task
    at: datetime
    receives_cancel: bool

    @property
    def is_cancel(self) -> bool:
        return self.receives_cancel and self.task.is_complete and not self.task.is_failed


class Timers:
    """Lets the saga go on at its deadlines and on cancel."""

    def __init__(self, ctx: WorkflowContext) -> None:
        self._ctx = ctx
        self._pending: list[_Timer] = []
        self._events: dict[str, Task] = {}
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """The cancel event has arrived."""
        self._cancelled = self._cancelled or any(timer.is_cancel for timer in self._pending)
        return self._cancelled

    def wait_for(self, task: Task, deadline: datetime | None, *, heeds_cancel: bool) -> Branch[bool]:
        """Wait until the task is complete (True) or the deadline has passed (False). A cancel cuts nothing short."""
        while not task.is_complete:
            if deadline is None:
                yield [task]
                continue
            timer = self._timer_by(deadline, heeds_cancel=heeds_cancel)
            yield [task, timer.task]
            passed = timer.task.is_complete and not timer.is_cancel and timer.at >= deadline
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
            yield [timer, *self._waiting_for_cancel(self._timer_by(deadline, heeds_cancel=True))]
        return heeds_cancel and self.cancelled

    def wait_for_event(self, name: str, until: datetime) -> Branch[bool]:
        """Wait for an external event; False if `until` has passed or a cancel has arrived before it."""
        # One that was waited for in vain is waited for again: it would take the event from a second one.
        event = self._events.pop(name, None) or self._ctx.wait_for_external_event(name)
        while not event.is_complete and not self.cancelled:
            timer = self._timer_by(until, heeds_cancel=True)
            yield [event, *self._waiting_for_cancel(timer)]
            if timer.task.is_complete and not timer.is_cancel and timer.at >= until:
                break
        if not event.is_complete:
            self._events[name] = event
        return bool(event.is_complete)

    def _waiting_for_cancel(self, first: _Timer) -> list[Task]:
        """`first`, and all others that wait for a cancel: the engine gives it to the one that has waited longest."""
        others = (timer for timer in self._pending if timer.receives_cancel and timer is not first)
        return [first.task, *(timer.task for timer in others)]

    def _timer_by(self, deadline: datetime, *, heeds_cancel: bool) -> _Timer:
        """A pending timer that fires by the deadline; a new one at the deadline if there is none."""
        listen = heeds_cancel and not self.cancelled
        self._pending = [timer for timer in self._pending if not timer.task.is_complete]
        for timer in self._pending:
            if timer.at <= deadline and timer.receives_cancel >= listen:
                return timer
        if listen:
            timer = _Timer(
                self._ctx.wait_for_external_event(CANCEL_EVENT, timeout=deadline), deadline, receives_cancel=True
            )
        else:
            timer = _Timer(self._ctx.create_timer(deadline), deadline, receives_cancel=False)
        self._pending.append(timer)
        return timer
