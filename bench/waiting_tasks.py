"""What it costs that an app is away which tasks wait for: processor time of the whole stack, with a backlog of tasks.

    make bench-waiting

A backlog is made while the notification-service is away, once with the bulkhead as it is (`TASK_CONCURRENCY`), and once
without one. Each stack is one of its own.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.bench_stack import bench_stack
from devstack.supervisor.client import StackClient
from shared.shop.notification import NOTIFICATION_SERVICE
from task_orchestrator_service.settings import TaskSettings

AWAY: Final = NOTIFICATION_SERVICE
NO_BULKHEAD: Final = 1_000_000
"""More than there are tasks."""


def main() -> None:
    """Print how they compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    table = Table(
        "bulkhead", "quiet", "waiting", "the dearest three", title=f"{options.orders} orders, {AWAY} away; of a core"
    )
    for name, concurrency in (
        ("as it is", TaskSettings.model_fields["task_concurrency"].default),
        ("without", NO_BULKHEAD),
    ):
        with bench_stack("waiting", TASK_CONCURRENCY=str(concurrency)) as fresh:
            quiet = _shares(fresh.stack, options.seconds)
            fresh.stack.hold(AWAY)
            fresh.load(options.orders, clients=16, seed=1)
            waiting = _shares(fresh.stack, options.seconds)
        dearest = sorted(waiting.items(), key=lambda item: -item[1])[:3]
        table.add_row(name, f"{sum(quiet.values()):.0f} %", f"{sum(waiting.values()):.0f} %", _described(dearest))
    Console().print(table)


def _described(dearest: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {share:.0f} %" for name, share in dearest)


def _shares(stack: StackClient, seconds: float) -> dict[str, float]:
    """The processor time of each process over so many seconds, in percent of a core."""
    before = {row.name: row.cpu_seconds for row in stack.status().processes if row.pid is not None}
    time.sleep(seconds)
    after = {row.name: row.cpu_seconds for row in stack.status().processes if row.pid is not None}
    return {name: (after[name] - before[name]) / seconds * 100 for name in after if name in before}


if __name__ == "__main__":
    main()
