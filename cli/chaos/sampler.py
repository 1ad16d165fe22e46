"""What has to be read while a run goes on, because a killed process takes its figures with it."""

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from devstack.errors import StackError
from devstack.postgres.passwords import AUDITOR, load_passwords
from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient, StackStatus
from devstack.topology.layout import database_layout
from shared.shop.registry import SHOP

SAMPLE_SECONDS: Final = 1.0
STATUS_EVERY: Final = 3
QUERY_SECONDS: Final = 2.0
_STEPS: Final = " UNION ALL ".join(
    f"SELECT repeats FROM {app.package}.saga_steps"  # noqa: S608 - names of the registry
    for app in SHOP.participants
)
REPEATS: Final = f"SELECT coalesce(sum(repeats), 0) FROM ({_STEPS}) all_steps"  # noqa: S608 - as above


@dataclass(slots=True)
class Sampler:
    """Repeats that the fences have absorbed, by time, and the processor time of all processes that ever lived."""

    settings: StackSettings
    stack: StackClient
    repeats: list[tuple[float, int]] = field(default_factory=list)
    _seconds: dict[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    """By process: its processor time when first and when last seen."""

    async def run(self) -> None:
        """Read until cancelled; what can't be read now is read later."""
        number = 0
        while True:
            await self.read(status=number % STATUS_EVERY == 0)
            number += 1
            await asyncio.sleep(SAMPLE_SECONDS)

    async def read(self, *, status: bool = True) -> None:
        """Read once."""
        with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            # While the database is away, as planned, there is nothing to read.
            async with asyncio.timeout(QUERY_SECONDS):
                total = await self._query()
            self.repeats.append((time.time(), total))
        if status:
            with contextlib.suppress(StackError):  # the supervisor is busy; the next reading counts all the same
                self._note(await asyncio.to_thread(self.stack.status))

    def repeats_between(self, begin: float, end: float) -> int:
        """How many repeats were absorbed between two moments of the wall clock."""
        return self._repeats_at(end) - self._repeats_at(begin)

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds since the first reading; what a process used after its last reading is missing."""
        return sum(last - first for first, last in self._seconds.values())

    def _repeats_at(self, moment: float) -> int:
        return next((total for read_at, total in reversed(self.repeats) if read_at <= moment), 0)

    def _note(self, status: StackStatus) -> None:
        is_first = not self._seconds
        rows = [(row.name, row.pid or 0, row.cpu_seconds) for row in status.processes]
        rows.append(("supervisor", int(status.supervisor["pid"]), float(status.supervisor["cpu_seconds"])))
        for name, pid, seconds in rows:
            # Whoever was started since the first reading counts from its start.
            first = self._seconds.get((name, pid), (seconds if is_first else 0.0, 0.0))[0]
            self._seconds[name, pid] = (first, seconds)

    async def _query(self) -> int:
        url = database_layout(self.settings, load_passwords(self.settings)).url_of(AUDITOR)
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval(REPEATS))
        finally:
            connection.terminate()
