"""What can be packed at all, and who packs. An HTTP request gets a refusal at once; an event's task fails with it."""

from dataclasses import dataclass
from typing import Final

from shared.participant.errors import Refused
from shared.shop.task import AcceptedTask, Lane
from shared.web.text import refused_character

MOST_UNITS: Final = 10_000
"""Of one line."""


def check(task: AcceptedTask) -> None:
    """Turn away what can't be packed.

    Raises:
        Refused: with what to correct.
    """
    if not task.lines:
        raise Refused("it has no lines: name at least one SKU and how many of it to pack")
    for line in task.lines:
        if not line.sku.strip() or refused_character(line.sku) is not None:
            raise Refused(f"{line.sku[:80]!a} is no SKU: correct the line")
        if not 1 <= line.quantity <= MOST_UNITS:
            raise Refused(f"{line.quantity} units of {line.sku[:80]} can't be packed: give 1 to {MOST_UNITS} per line")
    skus = [line.sku for line in task.lines]
    if twice := sorted({sku for sku in skus if skus.count(sku) > 1}):
        raise Refused(f"{', '.join(twice)} has more than one line: add them up to one each")


@dataclass(frozen=True, slots=True)
class Team:
    """Who works in which lane, and from which fraud score on an order is inspected."""

    packers: tuple[str, ...]
    inspectors: tuple[str, ...]
    inspection_score: float

    def lane_of(self, fraud_score: float) -> Lane:
        """The lane of an order with this score."""
        return Lane.INSPECTION if fraud_score >= self.inspection_score else Lane.STANDARD

    def names_in(self, lane: Lane) -> tuple[str, ...]:
        """Who works there."""
        return self.inspectors if lane is Lane.INSPECTION else self.packers
