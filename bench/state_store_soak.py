"""Does the state store stay flat? Orders on a stack of the benchmark's own, with a short retention (`make bench-soak`).

Prints a sample every few seconds: orders that have ended, rows of the state store (live, and dead ones that autovacuum
hasn't taken yet), its size with indexes, and the scheduler's size on disk; in the end, how the last third compares
with the middle one, and what is left once all is purged.
"""

import argparse
import asyncio
import json
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncpg

from bench.bench_stack import bench_stack
from cli.load.load_run import LoadRun
from cli.load.mix import Mix, assortment, plan_orders
from cli.output import say
from cli.shop_client import ShopClient
from devstack.postgres.passwords import DAPR, load_passwords
from devstack.settings import StackSettings
from devstack.topology.layout import DatabaseLayout, database_layout

SAMPLE_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 180.0
ORDER_SECONDS: Final = 1800.0
FLAT: Final = 1.25
"""The last third of the run may take so many times what the middle one took."""

_SAMPLE: Final = """
    SELECT (SELECT count(*) FROM state) AS live, s.n_dead_tup AS dead, pg_total_relation_size(s.relid) AS bytes
    FROM pg_stat_user_tables s WHERE s.relname = 'state'
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """The state store at one moment of the run."""

    at_seconds: float
    ended: int
    live_rows: int
    dead_rows: int
    store_bytes: int
    scheduler_bytes: int


class Soak:
    """One run over one stack."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._layout: DatabaseLayout = database_layout(settings, load_passwords(settings))
        self._ended = 0
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    async def run(self, orders: int, clients: int) -> int:
        """Place the orders while taking samples, then until the store is empty; how many orders have ended."""
        skus = assortment(ShopClient(self._settings.api_url).products())
        plan = plan_orders(orders, Mix(refused=0.1, faults=0.0, seed=1), skus, f"soak-{uuid.uuid4().hex}")
        placed = asyncio.Event()
        sampler = asyncio.create_task(self._sample(placed))
        result = await LoadRun(self._settings.api_url, ORDER_SECONDS, self._on_end).run(plan, clients)
        placed.set()
        await sampler
        return len(result.ended)

    def _on_end(self) -> None:
        self._ended += 1

    async def _sample(self, placed: asyncio.Event) -> None:
        """Take samples until all orders were placed and the store is empty, or it takes too long."""
        connection = await asyncpg.connect(self._layout.url_of(DAPR))
        rounds_left = DRAIN_SECONDS / SAMPLE_SECONDS
        try:
            while rounds_left > 0:
                self.samples.append(await self._take(connection))
                say(_line(self.samples[-1]))
                if placed.is_set():
                    rounds_left -= 1
                    if not self.samples[-1].live_rows:
                        return
                await asyncio.sleep(SAMPLE_SECONDS)
        finally:
            await connection.close()

    async def _take(self, connection: "asyncpg.Connection[asyncpg.Record]") -> Sample:
        (row,) = await connection.fetch(_SAMPLE)
        return Sample(
            at_seconds=round(time.monotonic() - self._began, 1),
            ended=self._ended,
            live_rows=row["live"],
            dead_rows=row["dead"],
            store_bytes=row["bytes"],
            scheduler_bytes=await asyncio.to_thread(_size_of, self._settings.home / "scheduler"),
        )


def main() -> None:
    """Run the soak; exit code 0 if the store stayed flat and was empty in the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=5000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--retention-seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, help="write the samples there")
    options = parser.parse_args()
    with bench_stack("soak", "core", SHOP_WORKFLOW_RETENTION_SECONDS=str(options.retention_seconds)) as fresh:
        soak = Soak(fresh.settings)
        say(f"{options.orders} orders, {options.clients} clients, retention {options.retention_seconds:g} s")
        ended = asyncio.run(soak.run(options.orders, options.clients))
        holds = ShopClient(fresh.settings.api_url).conservation().holds
    if options.json:
        options.json.write_text(json.dumps([asdict(sample) for sample in soak.samples]))
    sys.exit(0 if _verdict(soak.samples, ended, options.orders, holds=holds) else 1)


def _verdict(samples: list[Sample], ended: int, orders: int, *, holds: bool) -> bool:
    loaded = [sample for sample in samples if 0 < sample.ended < orders]
    third = max(1, len(loaded) // 3)
    middle, last = loaded[third : 2 * third] or loaded, loaded[2 * third :] or loaded
    growth = max(sample.store_bytes for sample in last) / max(sample.store_bytes for sample in middle)
    rows = max(sample.live_rows for sample in last) / max(1, *(sample.live_rows for sample in middle))
    say(f"{ended} of {orders} orders have ended; conservation {'holds' if holds else 'does NOT hold'}")
    say(f"last third against middle third: size x {growth:.2f}, rows x {rows:.2f} (flat: at most {FLAT})")
    say(f"rows left in the end: {samples[-1].live_rows}")
    return holds and ended == orders and growth <= FLAT and rows <= FLAT and samples[-1].live_rows == 0


def _line(sample: Sample) -> str:
    return (
        f"{sample.at_seconds:7.1f} s  {sample.ended:6} ended  {sample.live_rows:8,} rows  {sample.dead_rows:8,} dead  "
        f"{sample.store_bytes / 1e6:7.1f} MB store  {sample.scheduler_bytes / 1e6:7.1f} MB scheduler"
    )


def _size_of(folder: Path) -> int:
    sizes = []
    for file in folder.rglob("*"):
        try:
            sizes.append(file.stat().st_blocks * 512)  # etcd reserves its files, so that their length says little
        except FileNotFoundError:
            continue  # it is etcd's own to come and go
    return sum(sizes)


if __name__ == "__main__":
    main()
