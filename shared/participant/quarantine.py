"""Poison: work that ends its process each time. It is found out, and not carried out any more.

Whoever was running at a death is a suspect, since only one of them did it. After the restart each suspect runs alone,
for a bounded time, and all others go on in between. Only a death while it ran alone counts against it; after the third
it is quarantined: from then on it fails at once, as an error that no retry changes, until a person releases it.

    running at a death ──► suspect ──alone, and it ends──► no suspect any more
                              │
                              └─alone, and the process dies──► counted; at the third: quarantined ──release──► suspect
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import Column, DateTime, Integer, MetaData, Row, Table, Text, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.participant.errors import QuarantinedError
from shared.participant.in_flight import InFlight, Mark, Work

DEATHS: Final = 3
"""So many deaths while it ran alone make a suspect poison: one may be anybody's kill, three in a row are not."""
ALONE_SECONDS: Final = 2.0
"""So long the others wait for a suspect, at its first time. It doubles with each time, up to:"""
LONGEST_ALONE_SECONDS: Final = 8.0
EMPTYING_SECONDS: Final = 2.0
"""So long nothing begins, so that what runs can end and a suspect be alone."""
REST_SECONDS: Final = 5.0
"""After others were made to wait for nothing, they aren't again for so long."""
PAUSE_SECONDS: Final = 1.0
"""A suspect waits so long for each death that it has caused: first all the others that wait for the process."""
POLL_SECONDS: Final = 0.02
BEGIN_SECONDS: Final = 1.0
REFRESH_SECONDS: Final = 5.0
FORGOTTEN_AFTER: Final = "1 day"
"""A death that wasn't followed by others says nothing any more."""

QUARANTINE: Final = Table(
    "quarantine",
    MetaData(),
    Column("saga_id", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("deaths", Integer, nullable=False),
    Column("died_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)
"""The deaths that work has caused while it ran alone; `DEATHS` of them are a quarantine. See `create_quarantine`."""

log = structlog.get_logger()

QUARANTINED: Final = Gauge("shop_quarantined", "What is not carried out any more, since it ended its process each time")
SUSPECTED: Final = Counter("shop_suspects", "What was running when the process died, and so runs alone once")


@dataclass(frozen=True, slots=True)
class Poison:
    """Work, and the deaths that it has caused while it ran alone; from `DEATHS` of them on it isn't carried out."""

    work: Work
    deaths: int
    died_at: datetime


@dataclass(slots=True)
class _Suspect:
    slot: int | None
    rounds: int
    deaths: int
    runs: bool = False


@dataclass(slots=True)
class _Alone:
    work: Work
    slot: int | None
    until: float


class Gate:
    """Lets work begin: all at once, but each suspect alone, and poison never. Of a process, and of all its threads."""

    def __init__(self, in_flight: InFlight | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Without `in_flight` (until `keep`) nothing is known after a death."""
        self._in_flight = in_flight
        self._now = clock
        self._lock = threading.Lock()
        self._suspects: dict[Work, _Suspect] = {}
        self._poison: dict[Work, int] = {}
        self._running = 0
        self._alone: _Alone | None = None
        self._emptying_until = 0.0
        self._resting_until = 0.0
        self._opened_at: float | None = None
        self._shut = False

    def shut(self) -> None:
        """Nothing begins before `open`."""
        self._shut = True

    def open(self) -> None:
        """From now on work begins."""
        self._shut = False

    def keep(self, in_flight: InFlight) -> None:
        """Note there what runs from now on."""
        self._in_flight = in_flight

    def suspect(self, work: Work, *, slot: int | None = None, rounds: int = 0, deaths: int = 0) -> None:
        """From now on it runs alone, until it has ended once."""
        SUSPECTED.inc()
        with self._lock:
            self._suspects[work] = _Suspect(slot, rounds, deaths)

    def quarantine(self, poison: Sequence[Poison]) -> None:
        """Exactly this is poison from now on."""
        with self._lock:
            released = self._poison.keys() - {one.work for one in poison}
            self._poison = {one.work: one.deaths for one in poison}
            for work in self._poison:
                suspect = self._suspects.pop(work, None)
                if suspect is not None and not suspect.runs:  # what runs leaves its slot itself
                    self._free(suspect.slot)
            self._suspects |= {work: _Suspect(None, 0, 0) for work in released}
        QUARANTINED.set(len(poison))

    @property
    def has_poison(self) -> bool:
        return bool(self._poison)

    @asynccontextmanager
    async def passed(self, work: Work) -> AsyncIterator[None]:
        """The work runs for as long as the block lasts; waits until it may begin.

        Raises:
            QuarantinedError: never again.
        """
        # It is of several loops and threads, so that no event of one loop can tell.
        while (entered := self._try(work)) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self._leave(work, entered)

    @contextmanager
    def passed_blocking(self, work: Work) -> Iterator[None]:
        """As `passed`, for a thread that has no loop."""
        while (entered := self._try(work)) is None:
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self._leave(work, entered)

    def _try(self, work: Work) -> "_Entered | None":
        """Begin, if it is its turn."""
        with self._lock:
            if self._shut:
                return None
            if (deaths := self._poison.get(work)) is not None:
                raise QuarantinedError(_sentence(work, deaths))
            if self._opened_at is None:
                self._opened_at = self._now()
            suspect = self._suspects.get(work)
            if self._alone is not None and not self._ends_alone():
                return None
            if suspect is not None:
                return self._try_alone(work, suspect)
            if self._emptying_until > self._now():
                return None
            self._running += 1
            return _Entered(self._write(work, Mark.RUNNING))

    def _try_alone(self, work: Work, suspect: _Suspect) -> "_Entered | None":
        now = self._now()
        if now < (self._opened_at or now) + suspect.deaths * PAUSE_SECONDS or now < self._resting_until:
            return None
        if self._running:
            if self._emptying_until == 0.0:
                self._emptying_until = now + EMPTYING_SECONDS
            elif self._emptying_until <= now:
                self._rest(now)
            return None
        self._emptying_until = 0.0
        bound = min(ALONE_SECONDS * 2**suspect.rounds, LONGEST_ALONE_SECONDS)
        suspect.slot, suspect.runs = self._write(work, Mark.ALONE, suspect), True
        self._alone = _Alone(work, suspect.slot, now + bound)
        self._running += 1
        return _Entered(suspect.slot)

    def _ends_alone(self) -> bool:
        """Whether the suspect has had its time: it runs on, in company, and a death is no longer its doing alone."""
        alone, now = self._alone, self._now()
        if alone is None or now < alone.until:
            return False
        if alone.slot is not None and self._in_flight is not None:
            self._in_flight.remark(alone.slot, Mark.RUNNING)
        self._alone = None
        self._rest(now)
        return True

    def _rest(self, now: float) -> None:
        self._emptying_until = 0.0
        self._resting_until = now + REST_SECONDS

    def _leave(self, work: Work, entered: "_Entered") -> None:
        with self._lock:
            self._running -= 1
            self._free(entered.slot)
            if self._alone is not None and self._alone.work == work:
                self._alone = None
            suspect = self._suspects.get(work)
            if suspect is not None and suspect.slot == entered.slot:
                del self._suspects[work]

    def _write(self, work: Work, mark: Mark, suspect: _Suspect | None = None) -> int | None:
        if self._in_flight is None:
            return None
        if suspect is None:
            return self._in_flight.write(work, mark)
        return self._in_flight.write(work, mark, slot=suspect.slot, rounds=suspect.rounds + 1)

    def _free(self, slot: int | None) -> None:
        if slot is not None and self._in_flight is not None:
            self._in_flight.free(slot)


@dataclass(frozen=True, slots=True)
class _Entered:
    slot: int | None


class Quarantine:
    """What is poison to one app, as its schema knows it. Belongs to the event loop of its database."""

    def __init__(self, gate: Gate, database: AsyncEngine) -> None:
        self._gate = gate
        self._database = database
        self._in_flight: InFlight | None = None

    async def begin(self, folder: Path | None, name: str) -> None:
        """Count the death of the process before this one, and suspect who was running.

        Without a `folder` nothing is known of a death.

        Raises:
            OSError | SQLAlchemyError: the folder can't be written to, or the database is away.
        """
        if folder is None:
            log.warning("without STATE_FOLDER nobody knows what was running at a death: no poison is found out")
            await self.refresh()
            return
        if self._in_flight is None:
            self._in_flight = InFlight.open(folder, name)
        in_flight = self._in_flight
        leftovers = in_flight.leftovers()
        async with self._database.begin() as tx:
            await tx.execute(_FORGET)
            for one in leftovers:
                if one.mark is Mark.ALONE:
                    log.error("the process died of what ran alone", order_id=one.work.saga_id, what=one.work.what)
                    await tx.execute(_count(one.work))
            deaths = {one.work: one.deaths for one in await _known(tx)}
        # Two deliveries of one call may have been running; it is one suspect.
        single = {one.work: one for one in leftovers}
        for one in leftovers:
            if single[one.work] is not one:
                in_flight.free(one.slot)
                continue
            # Only now: it had to be known if the process had died once more.
            in_flight.remark(one.slot, Mark.WAITING)
            self._gate.suspect(one.work, slot=one.slot, rounds=one.rounds, deaths=deaths.get(one.work, 0))
        if leftovers:
            log.warning("the process died: what was running runs alone once", suspects=len(single))
        self._gate.keep(in_flight)
        await self.refresh()

    async def run(self, folder: Path | None, name: str) -> None:
        """Open the gate, which is shut, once all is known, however long the database is away, or the disk full.

        Then, until cancelled, take up again what another process of this app has released.
        """
        while not await self._tries(self.begin(folder, name)):  # noqa: ASYNC110 - until a database or a disk is there
            await asyncio.sleep(BEGIN_SECONDS)
        self._gate.open()
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            if self._gate.has_poison:
                await self._tries(self.refresh())

    async def _tries(self, work: Awaitable[object]) -> bool:
        try:
            await work
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.warning("the quarantine can't be read now, trying again", error=str(getattr(error, "orig", error)))
            return False
        return True

    async def refresh(self) -> list[Poison]:
        """Read what is quarantined, and go by it."""
        async with self._database.connect() as connection:
            poison = [one for one in await _known(connection) if one.deaths >= DEATHS]
        self._gate.quarantine(poison)
        return poison

    async def release(self, saga_id: str, step: str) -> list[Poison]:
        """Let it try again, alone and with its deaths forgotten; what was released. `step` may name the activity."""
        named = sa.or_(QUARANTINE.c.step == step, QUARANTINE.c.what == step)
        released = delete(QUARANTINE).where(QUARANTINE.c.saga_id == saga_id, named).returning(QUARANTINE)
        async with self._database.begin() as tx:
            rows = [_read(row) for row in await tx.execute(released)]
        await self.refresh()
        return rows


_FORGET: Final = delete(QUARANTINE).where(
    QUARANTINE.c.deaths < DEATHS, QUARANTINE.c.died_at < func.now() - text(f"interval '{FORGOTTEN_AFTER}'")
)


def _count(work: Work) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions
    first = insert(QUARANTINE).values(saga_id=work.saga_id, step=work.step, what=work.what, deaths=1)
    return first.on_conflict_do_update(
        index_elements=["saga_id", "step", "what"], set_={"deaths": QUARANTINE.c.deaths + 1, "died_at": func.now()}
    )


async def _known(connection: AsyncConnection) -> list[Poison]:
    return [_read(row) for row in await connection.execute(select(QUARANTINE))]


def _read(row: Row[Any]) -> Poison:
    return Poison(Work(row.saga_id, row.step, row.what), row.deaths, row.died_at)


def _sentence(work: Work, deaths: int) -> str:
    return (
        f"it is quarantined, since the process died {deaths} times while it ran alone; when the cause is gone, "
        f"`shop repair release {work.saga_id} {work.step}` lets it try again"
    )
