"""A world of participants: they carry out the fault plan of every call, behind a fence, in virtual time.

They keep the contract of `shared/participant/` and nothing else of a service: what the saga must
hold against is how often, when and with which outcome an activity is executed, not what its effect is.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from saga_testing.context import Called
from saga_testing.engine import Engine, Make, Play
from saga_testing.script import ANSWER_SECONDS, Usual, reply
from shared.contracts.call import ActivityCall, Fault, FaultMode
from shared.participant.errors import Refused

RESTART_SECONDS: Final = 4.0
"""How long a killed participant is away before Dapr executes the same attempt again."""
PERSON_SECONDS: Final = 60.0
"""When a person comes to look at a parked order."""
_BEFORE_THE_EFFECT: Final = {FaultMode.FAIL, FaultMode.CRASH_BEFORE}
_FAILING: Final = {FaultMode.FAIL, FaultMode.LOSE_REPLY}
_KILLING: Final = {FaultMode.CRASH_BEFORE, FaultMode.CRASH_AFTER}


class Ended(StrEnum):
    """How one execution of an activity ended at its participant."""

    DONE = "done"
    REFUSED = "refused"
    OUTAGE = "outage"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of an activity."""

    activity: str
    attempt: int
    ended: Ended


@dataclass(slots=True)
class Participants:
    """All participants of one saga, and the person who retries an undo that gave up.

    `usual`: what they respond. `pivot`, `park`: the activities that pass the point of no return, and that park it.
    `order_deadline_seconds`: from then on the pivot is refused, as the order's row would.
    """

    usual: Usual
    pivot: str
    park: str
    order_deadline_seconds: float | None = None
    executions: list[Execution] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    """The fence's state of each step."""
    hits: Counter[tuple[str, int]] = field(default_factory=Counter)

    def play(self, make: Make, order: object) -> Play:
        """Play the workflow that `make` returns for an observer, until nothing more can happen."""
        return Engine(self).play(make, order)

    def called(self, engine: Engine, number: int, call: Called) -> None:
        self._execute(engine, number, call)

    def _execute(self, engine: Engine, number: int, call: Called) -> None:
        fault = self._next_fault(call)
        mode = None if fault is None else fault.mode
        before = fault.seconds if fault is not None and mode is FaultMode.DELAY else 0.0
        after = fault.seconds if fault is not None and mode is FaultMode.HANG else 0.0

        def commit() -> None:
            ended = self._commit(engine, call, mode)
            engine.after(after, lambda: self._end(engine, number, call, mode, ended))

        engine.after(before + ANSWER_SECONDS, commit)

    def _commit(self, engine: Engine, call: Called, mode: FaultMode | None) -> tuple[Ended, str]:
        if mode in _BEFORE_THE_EFFECT:
            return Ended.OUTAGE, "it came to nothing"
        if mode is FaultMode.REFUSE:
            return self._refuse(call)
        if mode is FaultMode.DUPLICATE:
            self._effect(engine, call)
        return self._effect(engine, call)

    def _end(self, engine: Engine, number: int, call: Called, mode: FaultMode | None, ended: tuple[Ended, str]) -> None:
        how, message = ended
        if mode in _KILLING:
            how = Ended.KILLED
        elif mode in _FAILING:
            how = Ended.OUTAGE
        self.executions.append(Execution(call.activity, call.envelope["attempt"], how))
        match how:
            case Ended.DONE:
                engine.complete(number, reply(call, self.usual))
                if call.activity == self.park:
                    self._let_a_person_retry(engine, call)
            case Ended.REFUSED:
                engine.fail(number, "NonRetryableError", message)
            case Ended.OUTAGE:
                engine.fail(number, "InjectedOutageError", "injected fault")
            case Ended.KILLED:
                engine.after(RESTART_SECONDS, lambda: self._execute(engine, number, call))

    def _let_a_person_retry(self, engine: Engine, parked: Called) -> None:
        """The person reads in the order's timeline what gave up."""
        last = {step["name"]: step["outcome"] for step in parked.envelope["request"]["timeline"]["steps"]}
        gave_up = next(name for name, outcome in last.items() if outcome == "failed")
        decision = {
            "step": gave_up,
            "decision": "retry",
            "by": "ann",
            "note": "",
            "repair_id": f"rep-{len(self.executions)}",
        }
        engine.after(PERSON_SECONDS, lambda: engine.raise_event("repair", decision))

    def _next_fault(self, call: Called) -> Fault | None:
        for place, fault in enumerate(ActivityCall.model_validate(call.envelope).faults):
            if self.hits[call.activity, place] < fault.times:
                self.hits[call.activity, place] += 1
                return fault
        return None

    def _effect(self, engine: Engine, call: Called) -> tuple[Ended, str]:
        """What the handler answers, behind the fence."""
        step = call.envelope["step"]
        try:
            if _is_undo(call):
                self.states[step] = "undone"
            elif call.activity == self.pivot:
                self._pass_pivot(engine, step)
            elif self.states.setdefault(step, "done") != "done":
                raise Refused(f"{step} is {self.states[step]}")  # noqa: TRY301 - as the fence does
        except Refused as refusal:
            return Ended.REFUSED, str(refusal)
        return Ended.DONE, ""

    def _pass_pivot(self, engine: Engine, step: str) -> None:
        """As the order's row: the first decision stands."""
        late = self.order_deadline_seconds is not None and engine.now_seconds >= self.order_deadline_seconds
        if self.states.setdefault(step, "refused" if late else "done") == "refused":
            raise Refused("the order was not finished by its deadline")

    def _refuse(self, call: Called) -> tuple[Ended, str]:
        """An injected refusal: a do's and the pivot's are remembered, an undo's leaves no trace."""
        step = call.envelope["step"]
        if not _is_undo(call) and self.states.setdefault(step, "refused") == "done":
            return Ended.DONE, ""
        return Ended.REFUSED, "injected fault"


def _is_undo(call: Called) -> bool:
    """An undo carries the step of the do that it undoes."""
    return bool(call.envelope["step"] != call.activity)
