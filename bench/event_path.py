"""`make bench-events`: what does the event path cost the orders?

no outboxes      the four services as they are, but the database drops what they write into their outboxes
core             the outboxes are written, nobody empties them
core + events    broker, relay and its sidecar run, too

A machine's speed drifts by more than what is looked for. So each repetition has a fresh stack for every leg, all of
them up at the same time, and the legs take many short turns, forwards and backwards: what disturbs hits all. A turn
ends when the outboxes are empty. Processor time is that of the leg's own stack and of the load that is put on it.
"""

import argparse
import asyncio
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

import asyncpg

from bench.bench_stack import BenchStack, bench_stack
from cli.load.load_report import cpu_spent
from cli.output import say
from devstack.postgres.passwords import load_passwords
from devstack.settings import StackSettings
from devstack.topology.layout import database_layout
from shared.shop.registry import SHOP

BASELINE, CORE, EVENTS = "no outboxes", "core", "core + events"
GROUPS_OF: Final = {BASELINE: ("core",), CORE: ("core",), EVENTS: ("core", "events")}
# In the table's place stands a view that says of every row that it was inserted, and keeps none.
DROP_EVENTS: Final = """
    ALTER TABLE {schema}.outbox RENAME TO outbox_kept;
    CREATE VIEW {schema}.outbox AS SELECT * FROM {schema}.outbox_kept;
    CREATE FUNCTION {schema}.keep_nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER dropped INSTEAD OF INSERT ON {schema}.outbox FOR EACH ROW EXECUTE FUNCTION {schema}.keep_nothing();
"""
ALLOWED_LOSS: Final = 0.10
DRAIN_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.05
WARM_UP_ORDERS: Final = 64


@dataclass(frozen=True)
class Figures:
    """What one turn, or several, came to."""

    orders: int
    seconds: float
    cpu_seconds: float

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(self.orders + other.orders, self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds)

    @property
    def orders_per_second(self) -> float:
        return self.orders / self.seconds

    @property
    def cpu_ms_per_order(self) -> float:
        return self.cpu_seconds * 1000 / self.orders


def turn(bench_stack: BenchStack, leg: str, orders: int, clients: int, seed: int) -> Figures:
    """Place the orders, and wait until all work that they have caused is done."""
    before, own_before = bench_stack.stack.status(), _of_children()
    summary = bench_stack.load(orders, clients, seed)
    own_cpu = _of_children() - own_before
    if leg == EVENTS:
        drained(bench_stack)
    return Figures(summary["ended"], summary["seconds"], cpu_spent(before, bench_stack.stack.status()) + own_cpu)


def _of_children() -> float:
    """The processor seconds of the processes that we have started and seen end: here the load."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def drained(bench_stack: BenchStack) -> None:
    """Return when the outboxes are empty."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while asyncio.run(_waiting(bench_stack.settings)):
        if time.monotonic() > deadline:
            raise SystemExit(f"the outboxes weren't empty after {DRAIN_SECONDS:.0f} s; see {bench_stack.settings.logs}")
        time.sleep(POLL_SECONDS)


async def _waiting(settings: StackSettings) -> int:
    connection = await asyncpg.connect(database_layout(settings, load_passwords(settings)).admin_url)
    try:
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM {schema}.outbox")  # noqa: S608 - names of the registry
            for schema in SHOP.outboxes.values()
        ]
        return sum(counts)
    finally:
        await connection.close()


async def _drop_events(settings: StackSettings) -> None:
    """Let the database drop every event, without the services' noticing."""
    layout = database_layout(settings, load_passwords(settings))
    for schema in SHOP.outboxes.values():
        connection = await asyncpg.connect(layout.url_of(schema))
        try:
            await connection.execute(DROP_EVENTS.format(schema=schema))
        finally:
            await connection.close()


@contextmanager
def bench_stack_for(leg: str) -> Iterator[BenchStack]:
    """A fresh stack for this leg."""
    with bench_stack(leg.replace(" ", ""), *GROUPS_OF[leg]) as fresh:
        if leg == BASELINE:
            asyncio.run(_drop_events(fresh.settings))
        yield fresh


def repetition(options: argparse.Namespace) -> dict[str, Figures]:
    """The figures of each leg, on stacks of their own."""
    with ExitStack() as stacks:
        bench_stacks = {leg: stacks.enter_context(bench_stack_for(leg)) for leg in GROUPS_OF}
        for leg, fresh in bench_stacks.items():
            turn(fresh, leg, WARM_UP_ORDERS, options.clients, seed=0)
        sums = dict.fromkeys(bench_stacks, Figures(0, 0.0, 0.0))
        for number in range(options.turns):
            for leg in bench_stacks if number % 2 == 0 else reversed(bench_stacks):
                sums[leg] += turn(bench_stacks[leg], leg, options.orders, options.clients, seed=number + 1)
        return sums


def verdict(seen: Sequence[Mapping[str, Figures]]) -> bool:
    """Say how the legs compare; whether the event path costs no more than it may."""
    first, *others = seen[0]
    for leg in (first, *others):
        rate = median(one[leg].orders_per_second for one in seen)
        cost = median(one[leg].cpu_ms_per_order for one in seen)
        say(f"{leg:14} {rate:7.1f} orders/s {cost:8.1f} ms CPU per order   (medians of {len(seen)} repetitions)")
    rates: dict[str, list[float]] = {}
    for leg in others:
        rates[leg] = [one[leg].orders_per_second / one[first].orders_per_second for one in seen]
        costs = [one[leg].cpu_ms_per_order / one[first].cpu_ms_per_order for one in seen]
        say(f"{leg} against {first}: throughput x {_spread(rates[leg])}, CPU per order x {_spread(costs)}")
    say(f"allowed: throughput of {EVENTS} x {1 - ALLOWED_LOSS:.2f} or more")
    return median(rates[EVENTS]) >= 1 - ALLOWED_LOSS


def _spread(ratios: Sequence[float]) -> str:
    return f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


def main() -> None:
    """Run the repetitions; exit code 0 if the event path takes no more throughput than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=160, help="in each turn")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--turns", type=int, default=4, help="of each leg in a repetition")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    seen: list[dict[str, Figures]] = []
    for number in range(options.repetitions):
        seen.append(repetition(options))
        figures = (
            f"{leg} {one.orders_per_second:.1f}/s, {one.cpu_ms_per_order:.1f} ms" for leg, one in seen[-1].items()
        )
        say(f"repetition {number + 1}: {'; '.join(figures)}")
    sys.exit(0 if verdict(seen) else 1)


if __name__ == "__main__":
    main()
