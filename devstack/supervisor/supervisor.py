"""Starts the stack in order, keeps it running, and stops it in reverse order; one per state folder."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from signal import Signals

import aiohttp

from devstack.errors import StartFailedError, UnknownProcessError, unknown_name
from devstack.network import Links
from devstack.settings import StackSettings
from devstack.supervisor.logs import bound
from devstack.supervisor.process import ManagedProcess, Phase
from devstack.supervisor.state import ProcessIdentity, StackState, end_leftovers, start_time, supervisor_lock
from devstack.topology.addresses import LOOPBACK, check_free
from devstack.topology.specs import Host, Topology

Report = Callable[[str], None]
INSISTS_AFTER_SECONDS = 1.0
PATIENCE_SECONDS = 10.0
LOGS_SECONDS = 10.0

Surface = Callable[["Supervisor"], AbstractAsyncContextManager[None]]


class Supervisor:
    """The running stack; without `starts_all` it starts only what others ask for, as `shop supervise` does."""

    def __init__(self, topology: Topology, settings: StackSettings, report: Report, *, starts_all: bool = True) -> None:
        self.topology = topology
        self.settings = settings
        self.token = secrets.token_urlsafe(24)
        self.phase = "starting"
        self.processes: Mapping[str, ManagedProcess] = {}
        self.cut_hosts: set[str] = set()
        self._links = Links(topology.network, settings.home)
        self._report = report
        self._starts_all = starts_all
        self._stop_requested = asyncio.Event()
        self._stop_requested_at: float | None = None
        self._hurry = False

    async def run(self, surface: Surface) -> None:
        """Run the stack until it is stopped. However it ends, every process is stopped.

        `surface` is how others reach the supervisor while it runs.

        Raises:
            StackError: the stack is already running, a port is taken, or a process doesn't become ready.
        """
        with supervisor_lock(self.settings.run):
            for name in end_leftovers(self.settings.home):
                self._report(f"{name}: ended what an earlier run left")
            async with self._joined_hosts(), self._session() as session, self._signals():
                self.processes = {
                    spec.name: ManagedProcess(spec, self.settings.logs, session, self._write_state, self._addresses)
                    for spec in self.topology.processes
                }
                async with surface(self):
                    # Only now: whoever reads the state asks the control API next.
                    self._write_state()
                    logs = asyncio.create_task(self._bound_logs())
                    try:
                        await self._start_and_wait()
                    finally:
                        logs.cancel()
                        await self._stop_all()

    def process(self, name: str) -> ManagedProcess:
        """The process of this name; an unknown one is an error that names the nearest."""
        try:
            return self.processes[name]
        except KeyError:
            raise UnknownProcessError(unknown_name(name, self.topology.names)) from None

    async def partition(self, name: str) -> Host:
        """Cut a host off from the others until it is healed; its processes live on and are left alone."""
        host = self.topology.network.host(name)
        await self._links.cut(host)
        self.cut_hosts.add(name)
        return host

    async def heal(self, name: str) -> Host:
        """Join a host to the others again."""
        host = self.topology.network.host(name)
        await self._links.heal(host)
        self.cut_hosts.discard(name)
        return host

    def cut_between(self, process: ManagedProcess) -> str | None:
        """The cut host that keeps this supervisor, which lives on the main host, from asking a process."""
        there, here = process.spec.host.name, self.topology.network.main.name
        return None if there == here else next((name for name in (there, here) if name in self.cut_hosts), None)

    def request_stop(self) -> None:
        """Make `run` stop everything and return."""
        if self._stop_requested_at is None:
            self._stop_requested_at = time.monotonic()
            self._stop_requested.set()

    def _on_signal(self) -> None:
        """Stop; when the user insists, without waiting for anything."""
        asked_at = self._stop_requested_at
        self.request_stop()
        # Some parents deliver one Ctrl-C twice, to the process and to its group.
        if asked_at is not None and time.monotonic() - asked_at > INSISTS_AFTER_SECONDS:
            self._report("not waiting any longer")
            self._hurry = True
            for process in self.processes.values():
                process.signal(Signals.SIGKILL)

    async def _start_and_wait(self) -> None:
        stop = asyncio.create_task(self._stop_requested.wait())
        start = asyncio.create_task(self._start_all() if self._starts_all else self._start_on_demand())
        try:
            await asyncio.wait({stop, start}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                await stop
        finally:
            for task in (start, stop):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, StartFailedError):
                    await task

    async def _start_all(self) -> None:
        began = time.monotonic()
        ready = {name: asyncio.Event() for name in self.topology.names}

        async def start_one(process: ManagedProcess) -> None:
            for name in process.spec.starts_after:
                await ready[name].wait()
            started = time.monotonic()
            await process.start()
            await process.wait_ready()
            ready[process.spec.name].set()
            self._report(f"{process.spec.name} ready after {time.monotonic() - started:.1f} s")

        waiting = asyncio.create_task(self._report_what_is_missing())
        try:
            async with asyncio.TaskGroup() as group:
                for process in self.processes.values():
                    group.create_task(start_one(process))
        except* StartFailedError as failures:
            raise failures.exceptions[0] from None
        finally:
            waiting.cancel()
        self.phase = "up"
        self._report(f"the stack is ready after {time.monotonic() - began:.1f} s")
        # Last: whoever waits for the file, such as `shop up --detach`, has then seen all that was said before.
        self._write_state()

    async def _start_on_demand(self) -> None:
        self.phase = "up"
        self._report("ready to start what is asked for")
        self._write_state()

    async def _report_what_is_missing(self) -> None:
        """Say now and then what a long start waits for."""
        while True:
            await asyncio.sleep(PATIENCE_SECONDS)
            for process in self.processes.values():
                if process.phase in {Phase.STARTING, Phase.BACKOFF} and process.missing is not None:
                    self._report(f"waiting for {process.spec.name}: {process.missing}")

    async def _bound_logs(self) -> None:
        """Keep the logs from filling the disk while their processes live."""
        while True:
            await asyncio.sleep(LOGS_SECONDS)
            for process in self.processes.values():
                bound(process.log_file)

    async def _stop_all(self) -> None:
        self.phase = "stopping"
        self._write_state()
        # What drains needs the others.
        for name in sorted(self.cut_hosts):
            await self.heal(name)
        stopped = {name: asyncio.Event() for name in self.topology.names}

        async def stop_one(process: ManagedProcess) -> None:
            for name in self.topology.stopped_before(process.spec.name):
                await stopped[name].wait()
            if process.phase is not Phase.STOPPED:
                await process.stop(hurry=self._hurry)
            stopped[process.spec.name].set()

        self._report("stopping")
        async with asyncio.TaskGroup() as group:
            for process in self.processes.values():
                group.create_task(stop_one(process))
        # Nothing is written after this: a state file means that something may be left.
        self.phase = "stopped"
        self.settings.state_file.unlink(missing_ok=True)
        self._report("stopped; the data is kept")

    def _write_state(self) -> None:
        if self.phase == "stopped":
            return
        try:
            self._state().write(self.settings.state_file)
        except OSError as error:
            # A full disk, say: the processes live on, and the next change is written again.
            self._report(f"the state can't be written to {self.settings.state_file}: {error}")

    def _state(self) -> StackState:
        return StackState(
            phase=self.phase,
            supervisor=ProcessIdentity(os.getpid(), start_time(os.getpid())),
            control_url=f"http://{LOOPBACK}:{self.topology.control_port.number}",
            token=self.token,
            mode=self.settings.mode.value,
            addresses={spec.name: spec.url for spec in self.topology.processes if spec.url is not None},
            processes={
                name: ProcessIdentity(process.pid, process.start_time, process.spec.stop_signal)
                for name, process in self.processes.items()
                if process.pid is not None
            },
        )

    @property
    def _addresses(self) -> tuple[str, ...]:
        return tuple(host.address for host in self.topology.network.hosts)

    @asynccontextmanager
    async def _joined_hosts(self) -> AsyncIterator[None]:
        await self._links.join()
        try:
            check_free(self.topology.main_ports, self.topology.network.main.listen)
            yield
        finally:
            await self._links.part()

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[aiohttp.ClientSession]:
        # One connection per check: a kept one would break when its server is killed, and hide a restart.
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield session

    @asynccontextmanager
    async def _signals(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)
