"""What a saga consists of, found out by playing it: nothing about its steps is written down here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from saga_testing.engine import Make, Play
from saga_testing.participants import Participants
from shared.contracts.call import Fault, FaultMode


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


class Orders(Protocol):
    """Makes the input of the saga's workflow: an order with this fault plan."""

    def __call__(
        self,
        faults: Sequence[Fault],
        *,
        deadline_seconds: float | None = None,
        undo_patience_seconds: float | None = None,
    ) -> object: ...


class Worlds(Protocol):
    """Makes the participants of one order; the pivot is refused after `order_deadline_seconds`."""

    def __call__(self, *, order_deadline_seconds: float | None = None) -> Participants: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A saga that is tested: its workflow, its orders, and the participants that it meets."""

    make: Make
    order: Orders
    participants: Worlds


def discover(saga: Subject) -> Definition:
    """Play the saga healthy, refused at its pivot, and stuck in its first undo.

    Raises:
        ValueError: a step before the pivot has no undo, or one comes after it: the matrix has no rule for those.
    """
    healthy = _play(saga)
    pivot = healthy.calls[-1]
    undone = _play(saga, pivot)
    backward = [call for call in undone.called if call.activity not in healthy.calls]
    undo_of = {call.envelope["step"]: call.activity for call in backward[:-1]}
    dos = healthy.calls[1:-1]
    if [step.name for step in healthy.timeline.steps] != dos or list(reversed(dos)) != list(undo_of):
        raise ValueError(f"the matrix knows only steps with undo before a pivot, but found {healthy.calls}")
    stuck = _play(saga, pivot, backward[0].activity)
    (park,) = [call for call in stuck.calls if call not in {*healthy.calls, *undone.calls}]
    return Definition(
        claim=healthy.calls[0],
        steps=tuple(Step(do, undo_of[do]) for do in dos),
        pivot=pivot,
        close=backward[-1].activity,
        park=park,
    )


def _play(saga: Subject, *refusing: str) -> Play:
    faults = tuple(Fault(activity=activity, mode=FaultMode.REFUSE) for activity in refusing)
    return saga.participants().play(saga.make, saga.order(faults))
