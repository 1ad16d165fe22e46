"""Plays a cell in memory."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, timedelta

from order_service.workflow import order_workflow_shown_to
from shared.shop.order import PlacedOrder
from tests.engine.context import START
from tests.engine.engine import Make, Play
from tests.engine.orders import an_order
from tests.engine.participants import Ended, Execution, Participants
from tests.matrix.cells import UNDO_PATIENCE_SECONDS, Cell
from tests.matrix.definition import discover
from tests.matrix.expectations import Expected

SHOP = discover(order_workflow_shown_to)
"""The order saga."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What came of a cell in memory."""

    end: Expected
    executions: list[Execution]
    hits: int
    """How often the cell's own fault struck."""
    play: Play

    def ended_executions(self, activity: str) -> Counter[tuple[int, str]]:
        """How often each (attempt, outcome) of the activity ended; what was killed never did."""
        ended = (one for one in self.executions if one.activity == activity and one.ended is not Ended.KILLED)
        return Counter((one.attempt, str(one.ended)) for one in ended)


def simulate(cell: Cell, make: Make = order_workflow_shown_to) -> Simulated:
    """Play the cell's order in virtual time; a person retries an undo that gave up."""
    deadline = None if cell.deadline_seconds is None else START + timedelta(seconds=cell.deadline_seconds)
    order = PlacedOrder.model_validate(
        {
            **an_order().model_dump(),
            "faults": cell.faults,
            "deadline_at": None if deadline is None else deadline.replace(tzinfo=UTC),
            "undo_patience_seconds": UNDO_PATIENCE_SECONDS,
        }
    )
    participants = Participants(order_deadline_seconds=cell.deadline_seconds)
    play = participants.play(make, order)
    outcomes = tuple((step.name, str(step.outcome)) for step in play.timeline.steps)
    gave_up = [name for name, outcome in outcomes if outcome == "failed"]
    status = "waits for ever" if play.waits_for_ever else play.status
    return Simulated(
        end=Expected(status, outcomes, tuple(play.calls), gave_up[0] if gave_up else None),
        executions=participants.executions,
        hits=participants.hits[cell.activity, 0],
        play=play,
    )
