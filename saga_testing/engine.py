"""A workflow engine in memory: plays a workflow generator in virtual time, in milliseconds.

What the activities answer is up to the world it plays in: a script of answers (`script.py`), or participants that
carry out fault plans behind a fence (`participants.py`).
"""

import heapq
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, Protocol

from saga_testing.context import START, Called, Context, Happened, seconds_since_start
from shared.contracts.timeline import Timeline

Workflow = Callable[[Any, Any], Generator[Any, Any, Any]]
Observed = Callable[[str, Timeline], None]
Make = Callable[[Observed], Workflow]
"""Makes the workflow that shows its progress to an observer."""


MOST_EVENTS: Final = 20_000
"""More than any saga that ends: a retry that never helps would fill the memory."""


class World(Protocol):
    """Whoever carries out the activities."""

    def called(self, engine: "Engine", number: int, call: Called) -> None:
        """The workflow called an activity: plan what comes of it."""


@dataclass(slots=True)
class Play:
    """What came of it."""

    result: Any
    calls: list[str]
    called: list[Called]
    seconds: float
    """Virtual time from the workflow's start to its end."""
    timers: list[float]
    asked: list[str]
    history: list[Happened]
    shown: list[Timeline]
    patches: frozenset[str]
    """Those that its history notes."""
    waits_for_ever: bool = False
    """It had not ended when nothing more could happen: it waits for an event from outside."""

    @property
    def status(self) -> str:
        return str(self.result["status"])

    @property
    def timeline(self) -> Timeline:
        return self.shown[-1]

    def request(self, activity: str) -> Mapping[str, Any]:
        """The request of the last call to this activity."""
        request: Mapping[str, Any] = [call for call in self.called if call.activity == activity][-1].envelope["request"]
        return request

    def at_seconds(self, activity: str) -> list[float]:
        return [call.at_seconds for call in self.called if call.activity == activity]


class Engine:
    """One run of one workflow, and the agenda of what will happen to it."""

    def __init__(self, world: World, *, timers_late_seconds: float = 0.0) -> None:
        self._world = world
        self._timers_late = timedelta(seconds=timers_late_seconds)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._planned = count()
        self._now = START
        self._context = Context()
        self._history: list[Happened] = []
        self._has_ended = False

    @property
    def now_seconds(self) -> float:
        """Virtual time since the workflow began."""
        return seconds_since_start(self._now)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Plan an action of the world; what was planned first happens first."""
        self._at(self._now + timedelta(seconds=seconds), action)

    def complete(self, number: int, payload: object) -> None:
        """The activity answers, now."""
        self._deliver(Happened(self._now, "completed", number, payload=payload))

    def fail(self, number: int, error_type: str, message: str) -> None:
        """The activity fails, now."""
        self._deliver(Happened(self._now, "failed", number, name=error_type, message=message))

    def raise_event(self, name: str, payload: object) -> None:
        """An event from outside arrives, now."""
        self._deliver(Happened(self._now, "raised", name=name, payload=payload))

    def play(self, make: Make, order: object) -> Play:
        """Play the workflow to its end, or until nothing more can happen; then let the world come to rest."""
        ctx, shown = self._context, list[Timeline]()
        ctx.on_call = lambda number, call: self._world.called(self, number, call)
        ctx.on_timer = self._plan_timer
        workflow = make(lambda _, timeline: shown.append(timeline))(ctx, order)
        result, waits_for_ever = _drive(workflow, self._turn)
        self._has_ended = True
        while self._turn():
            pass
        return _play(ctx, result, self._history, shown, waits_for_ever=waits_for_ever)

    def _plan_timer(self, number: int, at: datetime) -> None:
        seen_at = at + self._timers_late
        self._at(seen_at, lambda: self._deliver(Happened(seen_at, "fired", number)))

    def _at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._planned), action))

    def _deliver(self, event: Happened) -> None:
        if not self._has_ended:  # what comes after the workflow's end is dropped, as by the real engine
            self._history.append(event)
            if len(self._history) > MOST_EVENTS:
                raise AssertionError(f"no end after {MOST_EVENTS} events, the last {event}")
            self._context.happen(event)

    def _turn(self) -> bool:
        """Let the next thing happen; False if there is none."""
        if not self._agenda:
            return False
        self._now, _, action = heapq.heappop(self._agenda)
        action()
        return True


def replay(make: Make, order: object, played: Play) -> Play:
    """Run the workflow anew against what happened in a play and the patches that it noted, as each turn does."""
    ctx, shown = Context(played.patches), list[Timeline]()
    ctx.is_replaying = True
    events: Iterator[Happened] = iter(played.history)

    def turn() -> bool:
        event = next(events, None)
        if event is not None:
            ctx.happen(event)
        return event is not None

    workflow = make(lambda _, timeline: shown.append(timeline))(ctx, order)
    result, waits_for_ever = _drive(workflow, turn)
    return _play(ctx, result, list(played.history), shown, waits_for_ever=waits_for_ever)


def _drive(workflow: Generator[Any, Any, Any], turn: Callable[[], bool]) -> tuple[object, bool]:
    """The workflow's result, and whether it still waited when nothing more could happen."""
    try:
        waits_for = next(workflow)
        while True:
            while not waits_for.is_complete:
                if not turn():
                    return None, True
            if waits_for.is_failed:
                waits_for = workflow.throw(waits_for.get_exception())
            else:
                waits_for = workflow.send(waits_for.get_result())
    except StopIteration as end:
        return end.value, False


def _play(
    ctx: Context, result: object, history: list[Happened], shown: list[Timeline], *, waits_for_ever: bool
) -> Play:
    return Play(
        result=result,
        calls=[call.label for call in ctx.calls],
        called=ctx.calls,
        seconds=seconds_since_start(ctx.current_utc_datetime),
        timers=ctx.timers,
        asked=ctx.asked,
        history=history,
        shown=shown,
        patches=frozenset(name for name, applies in ctx.patches.items() if applies),
        waits_for_ever=waits_for_ever,
    )
