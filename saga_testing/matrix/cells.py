"""The cells of the fault matrix: every activity of the saga, forward and backward, in every way to misbehave."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from saga_testing.matrix.definition import Definition
from shared.contracts.call import Fault, FaultMode
from shared.contracts.contract import DO_SECONDS

UNDO_PATIENCE_SECONDS: Final = 24.0
"""For the matrix's own stack. Attempts start 0, 1, 3, 7 and 15 s after the first, and the next would at 31 s: with 24 s
an undo gives up after five of them, also when the machine is slow."""
ORDER_DEADLINE_SECONDS: Final = 30
"""Of orders whose pivot is late."""
SHORT_SECONDS: Final = 1.0
MARGIN_SECONDS: Final = 10.0
"""How much later than its deadline a late action comes: the saga has undone it by then."""
UNTIL_IT_GIVES_UP: Final = 5
"""As often as a do or an undo is tried within its deadline; a person's retry of the undo finds the trouble gone."""


class Kind(StrEnum):
    """What the saga wants of the activity."""

    DO = "do"
    UNDO = "undo"
    PIVOT = "pivot"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to misbehave."""

    mode: FaultMode
    times: int = 1
    is_late: bool = False

    def fault(self, activity: str, deadline_seconds: float) -> Fault:
        seconds = deadline_seconds + MARGIN_SECONDS if self.is_late else SHORT_SECONDS
        return Fault(activity=activity, mode=self.mode, times=self.times, seconds=seconds)


REFUSED: Final = {"refuse": Variant(FaultMode.REFUSE)}
PASSING: Final = {
    "fail": Variant(FaultMode.FAIL),
    "delay": Variant(FaultMode.DELAY),
    "hang": Variant(FaultMode.HANG),
    "crash_before": Variant(FaultMode.CRASH_BEFORE),
    "crash_after": Variant(FaultMode.CRASH_AFTER),
    "lose_reply": Variant(FaultMode.LOSE_REPLY),
    "duplicate": Variant(FaultMode.DUPLICATE),
}
LASTING: Final = {
    "fail_always": Variant(FaultMode.FAIL, UNTIL_IT_GIVES_UP),
    "lose_reply_always": Variant(FaultMode.LOSE_REPLY, UNTIL_IT_GIVES_UP),
}
REPEATED: Final = {
    "fail_thrice": Variant(FaultMode.FAIL, 3),
    "lose_reply_thrice": Variant(FaultMode.LOSE_REPLY, 3),
}
LATE: Final = {
    "delay_late": Variant(FaultMode.DELAY, is_late=True),
    "hang_late": Variant(FaultMode.HANG, is_late=True),
}
VARIANTS: Final[dict[Kind, dict[str, Variant]]] = {
    Kind.DO: REFUSED | PASSING | LASTING | LATE,
    Kind.UNDO: REFUSED | PASSING | LASTING | LATE,
    # The pivot and the saga's records are tried until they are done: they give up never, and have no deadline but the
    # order's.
    Kind.PIVOT: REFUSED | PASSING | REPEATED | LATE,
    Kind.RECORD: PASSING | REPEATED,
}
DEADLINE_SECONDS: Final = {
    Kind.DO: DO_SECONDS,
    Kind.UNDO: UNDO_PATIENCE_SECONDS,
    Kind.PIVOT: ORDER_DEADLINE_SECONDS,
    Kind.RECORD: 0.0,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One order with its fault plan."""

    activity: str
    kind: Kind
    variant: str
    faults: tuple[Fault, ...]
    """The cell's own first; the others lead the saga to the step where it is injected."""
    deadline_seconds: int | None = None
    """The order's, if it matters."""

    @property
    def id(self) -> str:
        return f"{self.activity}-{self.kind}-{self.variant}"

    @property
    def own(self) -> Fault:
        return self.faults[0]

    @property
    def kills(self) -> bool:
        """The participant's process dies."""
        return self.own.mode in {FaultMode.CRASH_BEFORE, FaultMode.CRASH_AFTER}

    @property
    def body(self) -> dict[str, Any]:
        """What it adds to the body of `POST /orders`."""
        deadline = {} if self.deadline_seconds is None else {"deadline_seconds": self.deadline_seconds}
        return {"faults": [fault.model_dump(mode="json") for fault in self.faults], **deadline}


def cells_of(definition: Definition) -> Iterator[Cell]:
    """All cells, in the order of the saga."""
    back = Fault(activity=definition.pivot, mode=FaultMode.REFUSE)
    stuck = Fault(activity=definition.steps[-1].undo, mode=FaultMode.REFUSE)
    yield from _cells(definition.claim, Kind.RECORD)
    for step in definition.steps:
        yield from _cells(step.do, Kind.DO)
    yield from _cells(definition.pivot, Kind.PIVOT)
    for step in reversed(definition.steps):
        yield from _cells(step.undo, Kind.UNDO, back)
    yield from _cells(definition.close, Kind.RECORD, back)
    yield from _cells(definition.park, Kind.RECORD, back, stuck)


def _cells(activity: str, kind: Kind, *others: Fault) -> Iterator[Cell]:
    for name, variant in VARIANTS[kind].items():
        own = variant.fault(activity, DEADLINE_SECONDS[kind])
        deadline = ORDER_DEADLINE_SECONDS if kind is Kind.PIVOT and variant.is_late else None
        yield Cell(activity, kind, name, (own, *others), deadline)
