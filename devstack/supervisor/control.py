"""The supervisor's HTTP API on loopback; every call but the readiness probes' needs the token from state.json."""

import asyncio
import contextlib
import hmac
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from signal import Signals
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from devstack.errors import StackError, UnknownHostError, UnknownProcessError
from devstack.supervisor.process import ManagedProcess
from devstack.supervisor.readiness import missing_for
from devstack.supervisor.supervisor import Supervisor
from devstack.tilt.attachments import Attachments
from devstack.topology.addresses import LOOPBACK
from shared.contracts.app import Registry

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SHUTDOWN_SECONDS = 1.0


@asynccontextmanager
async def control_api(supervisor: Supervisor) -> AsyncIterator[None]:
    """The surface of a supervisor: serve its control API while the context lasts."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
        app = web.Application(middlewares=[_guard(supervisor.token)])
        routes = _Routes(supervisor, session)
        routes.add_to(app.router)
        Attachments(supervisor, routes.missing).add_to(app.router)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, LOOPBACK, supervisor.topology.control_port.number).start()
            yield
        finally:
            await runner.cleanup()


class _Routes:
    def __init__(self, supervisor: Supervisor, session: aiohttp.ClientSession) -> None:
        self._supervisor = supervisor
        self._session = session

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/status", self.status)
        router.add_get("/processes/{name}/ready", self.ready)
        router.add_post("/processes/{name}/start", self.start)
        router.add_post("/processes/{name}/stop", self.stop)
        router.add_post("/processes/{name}/restart", self.restart)
        router.add_post("/processes/{name}/kill", self.kill)
        router.add_post("/processes/{name}/signal", self.signal)
        router.add_post("/hosts/{name}/partition", self.partition)
        router.add_post("/hosts/{name}/heal", self.heal)
        router.add_post("/shutdown", self.shutdown)

    async def status(self, _request: web.Request) -> web.Response:
        processes = list(self._supervisor.processes.values())
        # Reading every process's memory takes a while; the supervisor must go on reaping meanwhile.
        registry = self._supervisor.settings.registry
        rows = await asyncio.to_thread(lambda: [_row(process, registry) for process in processes])
        own = await asyncio.to_thread(own_usage)
        return web.json_response(
            {
                "phase": self._supervisor.phase,
                "mode": self._supervisor.settings.mode.value,
                "processes": rows,
                "hosts": [
                    {"name": host.name, "address": host.address, "cut": host.name in self._supervisor.cut_hosts}
                    for host in self._supervisor.topology.network.hosts
                ],
                "supervisor": {
                    "pid": os.getpid(),
                    "memory_bytes": own.memory_bytes,
                    "cpu_seconds": round(own.cpu_seconds, 2),
                },
            }
        )

    async def ready(self, request: web.Request) -> web.Response:
        """Ask the process now, instead of telling what it last said."""
        process = self._named(request)
        missing = await self.missing(process)
        return web.json_response({"ready": missing is None, "missing": missing, "pid": process.pid})

    async def missing(self, process: ManagedProcess) -> str | None:
        """What still keeps a process from being ready, by its own words of now."""
        if process.phase.value == "finished":
            return None
        if process.pid is None:
            return f"it is {process.phase.value}"
        if (cut := self._supervisor.cut_between(process)) is not None:
            return f"the host {cut} is cut off from the others, so that it can't be asked; `shop heal {cut}`"
        return await missing_for(process.spec.ready, self._session)

    async def start(self, request: web.Request) -> web.Response:
        process = self._named(request)
        self._check_not_stopping()
        await process.start()
        return _answer(process)

    async def stop(self, request: web.Request) -> web.Response:
        process = self._named(request)
        await process.stop()
        return _answer(process)

    async def restart(self, request: web.Request) -> web.Response:
        process = self._named(request)
        self._check_not_stopping()
        await process.stop()
        await process.start()
        return _answer(process)

    async def kill(self, request: web.Request) -> web.Response:
        process = self._named(request)
        if (await _body(request)).get("hold") is True:
            await process.hold()
        elif not await process.kill():
            raise StackError(f"{process.spec.name} doesn't run, so it can't be killed")
        return _answer(process)

    async def signal(self, request: web.Request) -> web.Response:
        process = self._named(request)
        name = str((await _body(request)).get("signal"))
        try:
            number = Signals[name]
        except KeyError:
            raise UnknownProcessError(f"there is no signal {name!r}; give one such as SIGSTOP or SIGCONT") from None
        if not process.signal(number):
            raise StackError(f"{process.spec.name} doesn't run, so it can't get {name}")
        return _answer(process)

    async def partition(self, request: web.Request) -> web.Response:
        host = await self._supervisor.partition(request.match_info["name"])
        return web.json_response({"name": host.name, "cut": True})

    async def heal(self, request: web.Request) -> web.Response:
        host = await self._supervisor.heal(request.match_info["name"])
        return web.json_response({"name": host.name, "cut": False})

    async def shutdown(self, _request: web.Request) -> web.Response:
        self._supervisor.request_stop()
        return web.json_response({"phase": "stopping"})

    def _check_not_stopping(self) -> None:
        if self._supervisor.phase in {"stopping", "stopped"}:
            raise StackError("the stack is stopping; start it again with `shop up`")

    def _named(self, request: web.Request) -> ManagedProcess:
        return self._supervisor.process(request.match_info["name"])


def _row(process: ManagedProcess, registry: Registry) -> dict[str, Any]:
    usage = usage_of(process.pid) if process.pid is not None else None
    return {
        **_summary(process),
        "kind": process.spec.kind,
        "groups": sorted(process.spec.groups or registry.groups),
        "ports": [claim.number for claim in process.spec.ports],
        "url": process.spec.url,
        "started_at": process.started_at,
        "memory_bytes": usage.memory_bytes if usage else 0,
        "cpu_seconds": round(usage.cpu_seconds, 2) if usage else 0.0,
    }


def _summary(process: ManagedProcess) -> dict[str, Any]:
    return {
        "name": process.spec.name,
        "state": process.phase.value,
        "pid": process.pid,
        "restarts": process.restarts,
        "exit_code": process.exit_code,
        "missing": process.missing,
    }


def _answer(process: ManagedProcess) -> web.Response:
    return web.json_response(_summary(process))


async def _body(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    try:
        body = await request.json()
    except ValueError:
        raise StackError("the body is not JSON") from None
    return body if isinstance(body, dict) else {}


def _guard(token: str) -> Any:  # noqa: ANN401 - aiohttp's middleware type is not exported
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode()
        is_probe = request.method == "GET" and request.path.startswith("/ready")
        if not is_probe and not hmac.compare_digest(given, expected):
            return web.json_response({"error": "the token of state.json is needed"}, status=HTTPStatus.UNAUTHORIZED)
        try:
            return await handler(request)
        except (UnknownProcessError, UnknownHostError) as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.NOT_FOUND)
        except StackError as error:
            return web.json_response({"error": str(error)}, status=HTTPStatus.CONFLICT)

    return guard


@dataclass(frozen=True)
class Usage:
    """Memory in bytes (PSS: shared pages are split among their users) and processor seconds so far."""

    memory_bytes: int
    cpu_seconds: float


NOTHING = Usage(0, 0.0)


def usage_of(pid: int) -> Usage:
    """Sum over a process and all its descendants; what has gone meanwhile counts nothing."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return NOTHING
    usages = [_usage_of_one(process, is_root=process is root) for process in family]
    return Usage(sum(usage.memory_bytes for usage in usages), sum(usage.cpu_seconds for usage in usages))


def own_usage() -> Usage:
    """Of this process, without its descendants."""
    return _usage_of_one(psutil.Process(), is_root=False)


def _usage_of_one(process: psutil.Process, *, is_root: bool) -> Usage:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        # Children that have ended count too: a Postgres backend lives as long as its connection.
        ended = times.children_user + times.children_system if is_root else 0.0
        return Usage(_memory(process), times.user + times.system + ended)
    return NOTHING


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError, OSError):
        return int(process.memory_info().rss)
