"""Direct HTTP, pub/sub, multi-app workflow: what each makes of a callee that dies, how quick, how costly.

`make bench-choosing`. The job is the same (`examples/choosing`). Times are from asking, one job at a time. Throughput
and cost are over jobs that are asked for eight at a time; the cost is the processor time of all processes of the stage,
less what they take in the same time when they idle.
"""

import argparse
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from devstack.settings import load_settings
from examples.choosing.client import Outcome, Stage, eventually, running_stage
from examples.choosing.jobs import DONE, Death, Job, Way

AT_A_TIME: Final = 8
DRAINS_WITHIN_SECONDS: Final = 300.0
IDLE_SECONDS: Final = 15.0

TROUBLES: Final[dict[str, Callable[[Stage, Way], Outcome]]] = {
    "callee dies before": lambda stage, way: stage.run(way, _job_id(), Death.BEFORE),
    "callee dies after": lambda stage, way: stage.run(way, _job_id(), Death.AFTER),
    "callee is down": lambda stage, way: stage.run_while_down(way, _job_id()),
    "both die": lambda stage, way: stage.run_while_down(way, _job_id(), caller_dies=True),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300, help="healthy jobs per way, for times and again for cost")
    parser.add_argument("--troubles", type=int, default=5, help="jobs per way and trouble")
    options = parser.parse_args()
    above = load_settings(database_url=None).home
    above.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="choosing-", dir=above))
    # Where root must become another user to run Postgres, that user has to reach the data.
    home.chmod(0o755)
    try:
        with running_stage(home) as stage:
            Console().print(_troubles(stage, options.troubles))
            Console().print(_times(stage, options.jobs))
            Console().print(_costs(stage, options.jobs))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _troubles(stage: Stage, count: int) -> Table:
    table = Table("way", "trouble", "lost", "once", "repeated", "told", "effect after s", box=None)
    for way in Way:
        for trouble, run in TROUBLES.items():
            outcomes = [run(stage, way) for _ in range(count)]
            effects = [outcome.effects for outcome in outcomes]
            seconds = [outcome.effect_seconds for outcome in outcomes if outcome.effect_seconds is not None]
            table.add_row(
                way,
                trouble,
                *(str(times) for times in (effects.count(0), effects.count(1), sum(each > 1 for each in effects))),
                " / ".join(sorted({outcome.answer for outcome in outcomes})),
                f"{statistics.median(seconds):.2f}" if seconds else "never",
            )
    return table


def _times(stage: Stage, count: int) -> Table:
    table = Table("way", "effect p50 ms", "p99 ms", "caller knows p50 ms", "p99 ms", box=None)
    for way in Way:
        stage.run(way, _job_id())  # connections and caches
        outcomes = [stage.run(way, _job_id()) for _ in range(count)]
        table.add_row(
            way,
            *_percentiles([outcome.effect_seconds for outcome in outcomes]),
            *_percentiles([outcome.known_seconds for outcome in outcomes]),
        )
    return table


def _percentiles(seconds: list[float | None]) -> tuple[str, str]:
    known = [1000 * each for each in seconds if each is not None]
    if not known:
        return "never", "never"
    return f"{statistics.median(known):.1f}", f"{statistics.quantiles(known, n=100)[-1]:.1f}"


def _costs(stage: Stage, count: int) -> Table:
    began, idle_from = time.monotonic(), stage.stack.status().cpu_seconds
    time.sleep(IDLE_SECONDS)
    idle = (stage.stack.status().cpu_seconds - idle_from) / (time.monotonic() - began)
    table = Table("way", "jobs/s", "CPU ms/job", box=None, caption=f"idle: {1000 * idle:.0f} CPU ms a second")
    for way in Way:
        cpu_from, began = stage.stack.status().cpu_seconds, time.monotonic()
        seconds = _run_all(stage, way, count)
        cpu = stage.stack.status().cpu_seconds - cpu_from - idle * (time.monotonic() - began)
        table.add_row(way, f"{count / seconds:.0f}", f"{1000 * cpu / count:.1f}")
    return table


def _run_all(stage: Stage, way: Way, count: int) -> float:
    """From asking for the first to the effect of the last."""
    asked_at, job_ids = time.time(), {_job_id() for _ in range(count)}
    with ThreadPoolExecutor(AT_A_TIME) as clients:
        list(clients.map(lambda job_id: stage.ask(way, Job(job_id=job_id)), job_ids))

    def last_done() -> float | None:
        done_at = {entry.job_id: entry.at_seconds for entry in stage.journal.entries() if entry.what == DONE}
        return max(done_at[job_id] for job_id in job_ids) if job_ids <= done_at.keys() else None

    # Seldom, for each look takes processor time from those that are measured.
    return eventually(last_done, "all jobs are done", DRAINS_WITHIN_SECONDS, every=0.5) - asked_at


def _job_id() -> str:
    return uuid.uuid4().hex


if __name__ == "__main__":
    main()
