"""What must come of each cell, written by hand: the matrix's own idea of a saga, which shares no code with the saga.

A rule says how the faulty activity ends and after how many attempts. From all rules follows the same story: what may
have happened is undone, newest first, each undo once; one that gives up stops no other and ends with a person's retry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from saga_testing.matrix.cells import Cell, Kind
from saga_testing.matrix.definition import Definition

DONE: Final = "done"
REFUSED: Final = "refused"
UNKNOWN: Final = "unknown"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Rule:
    """How an activity ends for the saga."""

    outcome: str = DONE
    attempts: int = 1


UNTROUBLED: Final = Rule()
_SURVIVED: Final = {
    "fail": Rule(DONE, 2),
    "delay": Rule(DONE, 1),
    "hang": Rule(DONE, 1),
    "crash_before": Rule(DONE, 1),
    "crash_after": Rule(DONE, 1),
    "lose_reply": Rule(DONE, 2),
    "duplicate": Rule(DONE, 1),
}
_SURVIVED_THRICE: Final = {"fail_thrice": Rule(DONE, 4), "lose_reply_thrice": Rule(DONE, 4)}
RULES: Final[Mapping[Kind, Mapping[str, Rule]]] = {
    Kind.DO: {
        **_SURVIVED,
        "refuse": Rule(REFUSED, 1),
        "fail_always": Rule(UNKNOWN, 5),
        "lose_reply_always": Rule(UNKNOWN, 5),
        "delay_late": Rule(UNKNOWN, 1),
        "hang_late": Rule(UNKNOWN, 1),
    },
    Kind.UNDO: {
        **_SURVIVED,
        "refuse": Rule(FAILED, 1),
        "fail_always": Rule(FAILED, 5),
        "lose_reply_always": Rule(FAILED, 5),
        "delay_late": Rule(FAILED, 1),
        "hang_late": Rule(FAILED, 1),
    },
    # A pivot that comes too late is refused; one that was in time counts, however late its answer comes.
    Kind.PIVOT: {**_SURVIVED, **_SURVIVED_THRICE, "refuse": Rule(REFUSED, 1), "delay_late": Rule(REFUSED, 1)}
    | {"hang_late": Rule(DONE, 1)},
    Kind.RECORD: {**_SURVIVED, **_SURVIVED_THRICE},
}

LATE_EXECUTIONS: Final[Mapping[tuple[Kind, str], str]] = {
    (Kind.DO, "delay_late"): "refused",  # by the tombstone that its undo left
    (Kind.DO, "hang_late"): "done",  # it had been done in time, and was undone since
    (Kind.UNDO, "delay_late"): "done",
    (Kind.UNDO, "hang_late"): "done",
}
"""How the execution ends, at its participant, that nobody waits for any more."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The end of a cell."""

    status: str
    outcomes: tuple[tuple[str, str], ...]
    """Of every step of the order's timeline."""
    calls: tuple[str, ...]
    """Every attempt at every activity: `name`, `name#2`, …"""
    parked: str | None = None
    """The undo that gave up and waited for a person, who let it be retried."""


def expected_end(cell: Cell, definition: Definition) -> Expected:
    """The end that the rules demand."""
    undos = {step.undo for step in definition.steps}
    # The other faults of the plan are refusals, which lead the saga to the step of the cell's own.
    others = {fault.activity: Rule(FAILED if fault.activity in undos else REFUSED) for fault in cell.faults[1:]}
    return _Story(definition, {**others, cell.activity: RULES[cell.kind][cell.variant]}).expected()


class _Story:
    """Derives the saga of one order."""

    def __init__(self, definition: Definition, rules: Mapping[str, Rule]) -> None:
        self._definition = definition
        self._rules = rules
        self._calls: list[str] = []
        self._outcomes: list[tuple[str, str]] = []

    def expected(self) -> Expected:
        self._record(self._definition.claim)
        pending_undos = self._forward()
        if pending_undos is None:
            return self._end("completed")
        stuck = [undo for undo in reversed(pending_undos) if self._step(undo) != DONE]
        if stuck:
            # Each cell has one undo in trouble at most. The person's retry comes when the trouble is over.
            (parked,) = stuck
            self._record(self._definition.park)
            self._rules = {}
            self._step(parked)
            self._record(self._definition.close)
            return self._end("compensated", parked)
        self._record(self._definition.close)
        return self._end("compensated")

    def _forward(self) -> list[str] | None:
        """The pending undos, in the order of their dos; None if the pivot was passed."""
        pending_undos = []
        for step in self._definition.steps:
            outcome = self._step(step.do)
            if outcome != REFUSED:
                pending_undos.append(step.undo)
            if outcome != DONE:
                return pending_undos
        return None if self._record(self._definition.pivot) == DONE else pending_undos

    def _step(self, activity: str) -> str:
        outcome = self._record(activity)
        self._outcomes.append((activity, outcome))
        return outcome

    def _record(self, activity: str) -> str:
        rule = self._rules.get(activity, UNTROUBLED)
        self._calls += _labels(activity, rule.attempts)
        return rule.outcome

    def _end(self, status: str, parked: str | None = None) -> Expected:
        return Expected(status, tuple(self._outcomes), tuple(self._calls), parked)


def _labels(activity: str, attempts: int) -> Iterator[str]:
    yield activity
    yield from (f"{activity}#{attempt}" for attempt in range(2, attempts + 1))
