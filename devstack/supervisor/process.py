"""One supervised process: started in a session of its own, watched, restarted when it dies, stopped with its group."""

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from signal import Signals

import aiohttp
import psutil

from devstack.errors import StartFailedError
from devstack.settings import PROJECT_ROOT
from devstack.supervisor.logs import open_log, tail_of_last_run
from devstack.supervisor.readiness import missing_for
from devstack.supervisor.state import start_time
from devstack.topology.addresses import LOOPBACK
from devstack.topology.specs import Finished, ProcessSpec

PAUSE_SECONDS = 0.2
IMMEDIATE_RESTARTS = 3
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 5.0
# A fork, or a log that can't be opened, fails so while the machine is short of something, or a folder is in its way.
PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.ENOMEM,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EISDIR,
        errno.ETXTBSY,
    }
)
# Who has lived so long since its last death begins anew.
STEADY_SECONDS = 10.0
READY_POLL_SECONDS = 0.1
# A process that dies this often without having been ready once won't be ready by patience.
DEATHS_BEFORE_GIVING_UP = 3
LAST_LINES = 12


class Phase(StrEnum):
    """Where a process is in its life."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    HELD = "held"
    FINISHED = "finished"
    FAILED = "failed"


# What mustn't leak from the user's shell into every process: the administrator's database URL, other servers'
# defaults, and variables that would send the Dapr SDK to another sidecar.
HIDDEN = ("DATABASE_URL", "APP_API_TOKEN")
HIDDEN_PREFIXES = ("PG", "DAPR_")


def inherited_environment(environment: Mapping[str, str], addresses: Iterable[str] = ()) -> dict[str, str]:
    """The part of the user's environment that the stack's processes may see; `addresses` are those of its hosts."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in HIDDEN and not name.startswith(HIDDEN_PREFIXES)
    }
    # gRPC honours proxy variables even for loopback.
    local = ",".join(dict.fromkeys((LOOPBACK, "localhost", *addresses)))
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = f"{kept[name]},{local}" if kept.get(name) else local
    return kept


class ManagedProcess:
    """A process that is kept as wanted: running and ready, stopped, or held down by a test."""

    def __init__(
        self,
        spec: ProcessSpec,
        log_folder: Path,
        session: aiohttp.ClientSession,
        changed: Callable[[], None],
        addresses: tuple[str, ...] = (),
    ) -> None:
        self.spec = spec
        self.log_file = log_folder / f"{spec.name}.log"
        self.phase = Phase.STOPPED
        self.pid: int | None = None
        self.start_time = 0.0
        self.started_at: float | None = None
        self.restarts = 0
        self.exit_code: int | None = None
        self.missing: str | None = None
        self._session = session
        self._changed = changed
        self._addresses = addresses
        self._starts = 0
        self._wanted = False
        self._deaths_before_ready = 0
        self._was_killed = False
        self._runner: asyncio.Task[None] | None = None
        self._condition = asyncio.Condition()

    async def start(self) -> None:
        """Start it, unless it runs; returns once it has a process id."""
        if self._runner is not None and not self._runner.done():
            if self._wanted:
                return
            await self._runner
        self._wanted = True
        self._deaths_before_ready = 0
        await self._enter(Phase.STARTING)
        self._runner = asyncio.create_task(self._keep_running(), name=self.spec.name)
        await self._until(lambda: self.pid is not None or self.phase is not Phase.STARTING)

    async def stop(self, *, hurry: bool = False) -> None:
        """End it and its group: politely within its time, then by force."""
        self._wanted = False
        if self._runner is None or self._runner.done():
            if self.phase is not Phase.FINISHED:
                await self._enter(Phase.STOPPED)
            return
        if self.pid is not None:
            await self._enter(Phase.STOPPING)
            self.signal(Signals.SIGKILL if hurry else self.spec.stop_signal)
            # A paused process can't obey.
            self.signal(Signals.SIGCONT)
        await self._notify()
        try:
            async with asyncio.timeout(self.spec.stop_within_seconds):
                await asyncio.shield(self._runner)
        except TimeoutError:
            self.signal(Signals.SIGKILL)
            await self._runner
        await self._enter(Phase.STOPPED)

    async def kill(self) -> bool:
        """SIGKILL the whole group and return when it is gone; it comes back by itself. False when none runs."""
        victim = self.pid
        if not self.signal(Signals.SIGKILL):
            return False
        self._was_killed = True
        await self._until(lambda: self.pid != victim)
        return True

    async def hold(self) -> None:
        """SIGKILL the whole group, and keep it dead until it is started again."""
        await self.stop(hurry=True)
        await self._enter(Phase.HELD)

    def signal(self, number: Signals) -> bool:
        """Send a signal to the process and its group; False when there is none.

        A pause and its end reach all descendants: each child of Postgres leads a group of its own, and would go on.
        """
        if self.pid is None:
            return False
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return False
        if number in {Signals.SIGSTOP, Signals.SIGCONT}:
            _signal_descendants(self.pid, number)
        return True

    async def wait_ready(self) -> None:
        """Return when it is ready; raises `StartFailedError` when it won't be."""
        try:
            async with asyncio.timeout(self.spec.ready_within_seconds):
                await self._until(lambda: self._ready_now or self._hopeless)
        except TimeoutError:
            reason = f"was not ready after {self.spec.ready_within_seconds:.0f} s: {self.missing}"
        else:
            if self._ready_now:
                return
            reason = self._end
        last = tail_of_last_run(self.log_file, LAST_LINES)
        raise StartFailedError(f"{self.spec.name} {reason}; its log is {self.log_file}, and ends with:\n{last}")

    async def until_ready(self) -> None:
        """Return when it is ready, however long that takes and whoever starts it."""
        await self._until(lambda: self._ready_now)

    async def wait_over(self) -> str | None:
        """Return when nothing more will come of it by itself: None when it has finished well, else how it ended."""
        await self._until(lambda: self.phase is Phase.FINISHED or self._hopeless)
        return None if self.phase is Phase.FINISHED else self._end

    @property
    def _end(self) -> str:
        if self.exit_code is not None:
            return f"ended with {describe_exit(self.exit_code)}"
        return self.missing or "ended"

    @property
    def _ready_now(self) -> bool:
        return self.phase in {Phase.READY, Phase.FINISHED}

    @property
    def _hopeless(self) -> bool:
        return self.phase is Phase.FAILED or self._deaths_before_ready >= DEATHS_BEFORE_GIVING_UP

    async def _keep_running(self) -> None:
        deaths = 0
        while self._wanted:
            began = time.monotonic()
            try:
                was_ready, has_run = await self._live_once(), True
            except OSError as error:
                self.missing = f"{self.spec.command[0]} can't be started: {error}"
                if error.errno not in PASSING:
                    # Trying again won't change that.
                    await self._enter(Phase.FAILED)
                    return
                was_ready, has_run = False, False
            if not self._wanted:
                return
            if has_run and isinstance(self.spec.ready, Finished):
                await self._enter(Phase.FINISHED if self.exit_code == 0 else Phase.FAILED)
                return
            self.restarts += 1
            # A kill that was asked for says nothing of the process.
            is_first = self._was_killed or time.monotonic() - began >= STEADY_SECONDS
            deaths, self._was_killed = 1 if is_first else deaths + 1, False
            self._deaths_before_ready = 0 if was_ready else self._deaths_before_ready + 1
            await self._enter(Phase.BACKOFF)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_before_restart(deaths)):
                    await self._until(lambda: not self._wanted)

    async def _live_once(self) -> bool:
        """Run the process to its end; returns whether it had become ready."""
        process = await self._spawn()
        watcher = asyncio.create_task(self._watch_readiness())
        try:
            code = await process.wait()
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        was_ready = self.phase is Phase.READY
        # Children that outlived their leader would hold its ports and its data.
        self.signal(Signals.SIGKILL)
        self.exit_code, self.pid, self.started_at = code, None, None
        await self._notify()
        return was_ready

    async def _spawn(self) -> asyncio.subprocess.Process:
        with open_log(self.log_file) as log:
            process = await asyncio.create_subprocess_exec(
                *self.spec.command_at(self._starts),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=PROJECT_ROOT,
                env={**inherited_environment(os.environ, self._addresses), **self.spec.env},
                start_new_session=True,
            )
        self._starts += 1
        self.pid, self.started_at, self.missing = process.pid, time.time(), None
        self.start_time = start_time(process.pid)
        # Written down before anything else can happen: whoever comes after a crash must find it.
        self._changed()
        if self._wanted:
            await self._enter(Phase.STARTING)
        else:
            self.signal(self.spec.stop_signal)
        return process

    async def _watch_readiness(self) -> None:
        if isinstance(self.spec.ready, Finished):
            return
        while True:
            self.missing = await missing_for(self.spec.ready, self._session)
            if self.missing is None:
                break
            await asyncio.sleep(READY_POLL_SECONDS)
        if self.phase is Phase.STARTING:
            self._deaths_before_ready = 0
            await self._enter(Phase.READY)

    async def _enter(self, phase: Phase) -> None:
        self.phase = phase
        await self._notify()

    async def _notify(self) -> None:
        self._changed()
        async with self._condition:
            self._condition.notify_all()

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._condition:
            await self._condition.wait_for(holds)


def pause_before_restart(deaths: int) -> float:
    """Seconds until the process is started again, after so many deaths on end, none of which it had lived long before.

    The first are accidents or injected kills: it is back at once. What dies on and on would take the machine from the
    others.
    """
    if deaths <= IMMEDIATE_RESTARTS:
        return PAUSE_SECONDS
    return float(min(FIRST_BACKOFF_SECONDS * 2 ** min(deaths - IMMEDIATE_RESTARTS - 1, 16), LONGEST_BACKOFF_SECONDS))


def _signal_descendants(pid: int, number: Signals) -> None:
    # The parent is paused already, so that none is born meanwhile.
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.send_signal(number)


def describe_exit(code: int) -> str:
    """How a process ended, in words: a negative code is the signal that ended it."""
    return Signals(-code).name if code < 0 else f"exit code {code}"
