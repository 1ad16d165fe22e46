"""What can be packed at all. An HTTP request gets the refusal at once; an event's task fails with the same sentence."""

from typing import Final

from shared.participant.errors import Refused
from shared.shop.task import AcceptedTask

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
        if not line.sku.strip() or not line.sku.isprintable():
            raise Refused(f"{line.sku[:80]!a} is no SKU: correct the line")
        if not 1 <= line.quantity <= MOST_UNITS:
            raise Refused(f"{line.quantity} units of {line.sku[:80]} can't be packed: give 1 to {MOST_UNITS} per line")
    skus = [line.sku for line in task.lines]
    if twice := sorted({sku for sku in skus if skus.count(sku) > 1}):
        raise Refused(f"{', '.join(twice)} has more than one line: add them up to one each")
