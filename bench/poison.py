"""What healthy orders notice of a poison order: one per participant, beside one healthy order a second.

    make poison

The poison order's call ends its process each time. Exit code 0 if at least 95 % of the healthy orders complete, none
takes 10 s longer than the slowest does without poison, and conservation holds.
"""

import argparse
import asyncio
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.bench_stack import BenchStack, bench_stack
from cli.load.load_report import EndedOrder
from cli.load.load_run import LoadRun
from cli.load.mix import PlannedOrder
from cli.shop.order_body import order_body
from cli.shop_client import ShopClient
from shared.contracts.call import Fault, FaultMode
from shared.contracts.contract import AnyContract
from shared.service.settings import ShopMode
from shared.shop.groups import CORE
from shared.shop.order import COMPLETE_ORDER, ORDER_SERVICE, ORDER_STEPS

SKU: Final = "DSK-CALENDAR"
FOR_EVER: Final = 99
ORDERS_PER_SECOND: Final = 1.0
POISONED_AFTER_SECONDS: Final = 5.0
END_SECONDS: Final = 120.0
LEAST_COMPLETED: Final = 0.95
MOST_SECONDS_LONGER: Final = 10.0
POISON: Final[tuple[AnyContract, ...]] = (*ORDER_STEPS, COMPLETE_ORDER)


@dataclass(frozen=True, slots=True)
class Round:
    """The healthy orders of one round, and how often the poisoned process was started again meanwhile."""

    name: str
    healthy: tuple[EndedOrder, ...]
    restarts: int

    @property
    def completed(self) -> float:
        """The share of them that was completed."""
        return sum(one.status == "completed" for one in self.healthy) / len(self.healthy)

    @property
    def seconds(self) -> list[float]:
        """How long each took, the fastest first."""
        return sorted(one.ended_at - one.posted_at for one in self.healthy)


def main() -> None:
    """Print the rounds side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each round")
    options = parser.parse_args()
    with bench_stack("poison", CORE, SHOP_MODE=ShopMode.TEST) as fresh:
        rounds = [_round(fresh, options.seconds, None), *(_round(fresh, options.seconds, one) for one in POISON)]
        holds = ShopClient(fresh.stack.urls()[ORDER_SERVICE]).conservation().holds
    slowest = rounds[0].seconds[-1]
    table = Table("poison", "healthy", "completed", "p50", "slowest", "longer", "restarts")
    for one in rounds:
        table.add_row(
            one.name,
            str(len(one.healthy)),
            f"{one.completed:.0%}",
            f"{median(one.seconds):.2f} s",
            f"{one.seconds[-1]:.2f} s",
            f"{one.seconds[-1] - slowest:+.2f} s",
            str(one.restarts),
        )
    Console().print(table)
    missed = list(_missed(rounds, slowest, holds=holds))
    Console().print("\n".join(missed) or "every round is within its bounds, and conservation holds")
    sys.exit(1 if missed else 0)


def _missed(rounds: list[Round], slowest: float, *, holds: bool) -> Iterator[str]:
    for one in rounds:
        if one.completed < LEAST_COMPLETED:
            yield f"{one.name}: only {one.completed:.0%} of the healthy orders were completed"
        if one.seconds[-1] - slowest > MOST_SECONDS_LONGER:
            yield f"{one.name}: a healthy order took {one.seconds[-1] - slowest:.1f} s longer than without poison"
    if not holds:
        yield "conservation does NOT hold"


def _round(fresh: BenchStack, seconds: float, poison: AnyContract | None) -> Round:
    """Healthy orders at an even pace, beside one that is poison to one activity."""
    victim = ORDER_SERVICE if poison is None else poison.app_id
    fresh.stack.wait_ready()
    before = _restarts(fresh, victim)
    healthy = asyncio.run(_healthy(fresh.stack.urls()[ORDER_SERVICE], seconds, poison))
    return Round("none" if poison is None else f"{poison.activity}", healthy, _restarts(fresh, victim) - before)


async def _healthy(url: str, seconds: float, poison: AnyContract | None) -> tuple[EndedOrder, ...]:
    enough = asyncio.Event()
    load = LoadRun(url, seconds + END_SECONDS, lambda: None)
    run = uuid.uuid4().hex
    plan = (PlannedOrder(f"{run}-{number}", order_body([(SKU, 1)])) for number in range(int(seconds * 2)))
    began_at = time.time()
    async with asyncio.TaskGroup() as group:
        placing = group.create_task(load.run_paced(plan, ORDERS_PER_SECOND, enough))
        await asyncio.sleep(POISONED_AFTER_SECONDS)
        if poison is not None:
            group.create_task(asyncio.to_thread(_place_poison, url, poison, f"{run}-poison"))
        await asyncio.sleep(max(0.0, began_at + seconds - time.time()))
        enough.set()
    return tuple((await placing).ended)


def _place_poison(url: str, poison: AnyContract, key: str) -> None:
    fault = Fault(activity=poison.activity, mode=FaultMode.CRASH_BEFORE, times=FOR_EVER)
    ShopClient(url).place(order_body([(SKU, 1)], faults=[fault]), key)


def _restarts(fresh: BenchStack, name: str) -> int:
    return sum(row.restarts for row in fresh.stack.status().processes if row.name == name)


if __name__ == "__main__":
    main()
