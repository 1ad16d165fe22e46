"""Plays a cell in memory."""

from collections import Counter
from dataclasses import dataclass

from saga_testing.engine import Play
from saga_testing.matrix.cells import UNDO_PATIENCE_SECONDS, Cell
from saga_testing.matrix.definition import Subject
from saga_testing.matrix.expectations import Expected
from saga_testing.participants import Ended, Execution


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a cell in memory."""

    end: Expected
    executions: list[Execution]
    hits: int
    """How often the cell's own fault was injected."""
    play: Play

    def ended_executions(self, activity: str) -> Counter[tuple[int, str]]:
        """How often each (attempt, outcome) of the activity ended; what was killed never did."""
        ended = (one for one in self.executions if one.activity == activity and one.ended is not Ended.KILLED)
        return Counter((one.attempt, str(one.ended)) for one in ended)


def simulate(cell: Cell, saga: Subject) -> Simulated:
    """Play the cell's order in virtual time; a person retries an undo that gave up."""
    order = saga.order(cell.faults, deadline_seconds=cell.deadline_seconds, undo_patience_seconds=UNDO_PATIENCE_SECONDS)
    participants = saga.participants(order_deadline_seconds=cell.deadline_seconds)
    play = participants.play(saga.make, order)
    outcomes = tuple((step.name, str(step.outcome)) for step in play.timeline.steps)
    gave_up = [name for name, outcome in outcomes if outcome == "failed"]
    status = "waits for ever" if play.waits_for_ever else play.status
    return Simulated(
        end=Expected(status, outcomes, tuple(play.calls), gave_up[0] if gave_up else None),
        executions=participants.executions,
        hits=participants.hits[cell.activity, 0],
        play=play,
    )
