"""What it costs that an app is away which tasks wait for: processor time of the whole stack, with a backlog of tasks.

    make bench-waiting

A backlog is made while the notification-service is away, once with the bulkhead as it is (`TASK_CONCURRENCY`), and once
without one. Each stack is one of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from devstack.build import ensure_broker, ensure_runtime
from devstack.client import StackClient
from devstack.ports import free_block
from devstack.settings import PORT_BLOCK_SIZE, PROJECT_ROOT, load_settings
from task_orchestrator_service.settings import TaskSettings

AWAY: Final = "notification-service"
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
        with _stack(concurrency) as (environment, stack):
            quiet = _shares(stack, options.seconds)
            stack.hold(AWAY)
            _shop(environment, "load", "--orders", str(options.orders), "--clients", "16")
            waiting = _shares(stack, options.seconds)
        dearest = sorted(waiting.items(), key=lambda item: -item[1])[:3]
        table.add_row(name, f"{sum(quiet.values()):.0f} %", f"{sum(waiting.values()):.0f} %", _told(dearest))
    Console().print(table)


def _told(dearest: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {share:.0f} %" for name, share in dearest)


@contextmanager
def _stack(concurrency: int) -> Iterator[tuple[dict[str, str], StackClient]]:
    own, base = load_settings(), free_block(PORT_BLOCK_SIZE + 1)
    with tempfile.TemporaryDirectory(prefix="saga-shop-bench-") as home:
        # Where root must become another user to run Postgres, that user has to reach the data.
        Path(home).chmod(0o755)
        environment = {
            **os.environ,
            "SHOP_HOME": home,
            "SHOP_API_PORT": str(base),
            "SHOP_BASE_PORT": str(base + 1),
            "DAPR_BIN_DIR": str(ensure_runtime(own, print).folder),
            "NATS_SERVER": str(ensure_broker(own, print)),
            "TASK_CONCURRENCY": str(concurrency),
        }
        try:
            _shop(environment, "up", "--detach")
            yield environment, StackClient(Path(home))
        finally:
            _shop(environment, "down")


def _shop(environment: dict[str, str], *arguments: str) -> None:
    command = [sys.executable, "-m", "cli", *arguments]
    subprocess.run(  # noqa: S603 - ourselves
        command, cwd=PROJECT_ROOT, env=environment, check=True, stdout=subprocess.DEVNULL
    )


def _shares(stack: StackClient, seconds: float) -> dict[str, float]:
    """The processor time of each process over so many seconds, in percent of a core."""
    before = {row.name: row.cpu_seconds for row in stack.status().processes if row.pid is not None}
    time.sleep(seconds)
    after = {row.name: row.cpu_seconds for row in stack.status().processes if row.pid is not None}
    return {name: (after[name] - before[name]) / seconds * 100 for name in after if name in before}


if __name__ == "__main__":
    main()
