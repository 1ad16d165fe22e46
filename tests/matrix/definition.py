"""What the order saga consists of, found out by playing it: nothing about its steps is written down here."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.contracts.faults import Fault, FaultMode
from shared.shop.order import PlacedOrder
from tests.engine.engine import Make, Play
from tests.engine.orders import an_order
from tests.engine.participants import Participants


@dataclass(frozen=True, slots=True)
class Step:
    """A step before the pivot and what undoes it."""

    do: str
    undo: str


@dataclass(frozen=True, slots=True)
class Definition:
    """The activities that a saga calls: its own record first, its steps, its pivot, its record of the end."""

    claim: str
    steps: tuple[Step, ...]
    pivot: str
    close: str
    park: str

    @property
    def activities(self) -> Iterator[str]:
        """All of them."""
        yield from (self.claim, self.pivot, self.close, self.park)
        for step in self.steps:
            yield from (step.do, step.undo)


def discover(make: Make) -> Definition:
    """Play the saga healthy, refused at its pivot, and stuck in its first undo.

    Raises:
        ValueError: a step before the pivot has no undo, or one comes after it: the matrix has no rule for those.
    """
    healthy = _play(make)
    pivot = healthy.calls[-1]
    undone = _play(make, pivot)
    backward = [call for call in undone.called if call.activity not in healthy.calls]
    undo_of = {call.envelope["step"]: call.activity for call in backward[:-1]}
    dos = healthy.calls[1:-1]
    if [step.name for step in healthy.timeline.steps] != dos or list(reversed(dos)) != list(undo_of):
        raise ValueError(f"the matrix knows only steps with undo before a pivot, but found {healthy.calls}")
    stuck = _play(make, pivot, backward[0].activity)
    (park,) = [call for call in stuck.calls if call not in {*healthy.calls, *undone.calls}]
    return Definition(
        claim=healthy.calls[0],
        steps=tuple(Step(do, undo_of[do]) for do in dos),
        pivot=pivot,
        close=backward[-1].activity,
        park=park,
    )


def _play(make: Make, *refusing: str) -> Play:
    faults = tuple(Fault(activity=activity, mode=FaultMode.REFUSE) for activity in refusing)
    order = PlacedOrder.model_validate({**an_order().model_dump(), "faults": faults})
    return Participants().play(make, order)
