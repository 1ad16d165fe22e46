"""Processes that run as long as a client is attached to them, one by one: how Tilt starts, watches and stops the stack.

`POST /processes/NAME/attend` starts a process, anew if it runs, and sends its log until nothing more comes of it.
Whoever leaves has it stopped. `GET /ready/NAME` is a readiness probe, and `GET /ready` that of the supervisor.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from devstack.errors import StackError
from devstack.supervisor.logs import new_lines
from devstack.supervisor.process import ManagedProcess
from devstack.supervisor.supervisor import Supervisor

POLL_SECONDS = 0.5
# A change of the code makes the next client come at once, and the end of the whole stack is sent to the supervisor
# as well, which stops everything in order: neither may be taken for one who has left for good.
LEFT_AFTER_SECONDS = 1.0
PARENT_POLL_SECONDS = 0.5

Missing = Callable[[ManagedProcess], Awaitable[str | None]]


class Attachments:
    """Which client is attached to which process."""

    def __init__(self, supervisor: Supervisor, missing: Missing) -> None:
        self._supervisor = supervisor
        self._missing = missing
        self._clients: dict[str, object] = {}
        self._changes: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._leaving: set[asyncio.Task[None]] = set()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes."""
        router.add_post("/processes/{name}/attend", self.attach)
        router.add_get("/ready", self.supervisor_ready)
        router.add_get("/ready/{name}", self.ready)

    async def supervisor_ready(self, _request: web.Request) -> web.Response:
        up = self._supervisor.phase == "up"
        return web.Response(text=self._supervisor.phase, status=_status(ready=up))

    async def ready(self, request: web.Request) -> web.Response:
        """As a probe understands it: by the status, without the token, for probes can't send one."""
        missing = await self._missing(self._supervisor.process(request.match_info["name"]))
        return web.Response(text=missing or "ready", status=_status(ready=missing is None))

    async def attach(self, request: web.Request) -> web.StreamResponse:
        """Run a process until it is over or its client leaves; the answer is one JSON object per line."""
        process = self._supervisor.process(request.match_info["name"])
        self._check_goes_on()
        mine = self._clients[process.spec.name] = object()
        response = web.StreamResponse()
        await response.prepare(request)
        offset = process.log_file.stat().st_size if process.log_file.exists() else 0
        run = asyncio.create_task(self._run(process))
        try:
            while True:
                await asyncio.wait({run}, timeout=POLL_SECONDS)
                over = run.done()
                text, offset = await asyncio.to_thread(new_lines, process.log_file, offset)
                if text:
                    await _tell(response, {"log": text})
                if over:
                    # Without an end the client comes again, as when the supervisor is being started anew.
                    if run.exception() is None:
                        await _tell(response, {"end": run.result()})
                    return response
                if request.transport is None or request.transport.is_closing():
                    return response
        except ConnectionError:
            return response
        finally:
            run.cancel()
            leaving = asyncio.create_task(self._leave(process, mine))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def _run(self, process: ManagedProcess) -> str | None:
        """Start it when those are ready that it needs; None when it has finished well, else how it ended."""
        for name in process.spec.starts_after:
            await self._supervisor.process(name).until_ready()
        async with self._changes[process.spec.name]:
            self._check_goes_on()
            await process.stop()
            await process.start()
        why = await process.wait_over()
        if why is not None:
            async with self._changes[process.spec.name]:
                await process.stop()
        return why

    async def _leave(self, process: ManagedProcess, client: object) -> None:
        await asyncio.sleep(LEFT_AFTER_SECONDS)
        async with self._changes[process.spec.name]:
            if self._clients.get(process.spec.name) is client and self._supervisor.phase == "up":
                await process.stop()

    def _check_goes_on(self) -> None:
        if self._supervisor.phase != "up":
            raise StackError(f"the stack is {self._supervisor.phase}")


async def end_with_parent(supervisor: Supervisor, parent: int) -> None:
    """Have the stack stopped when the process that started us is gone, however it died."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody signals us
        await asyncio.sleep(PARENT_POLL_SECONDS)
    supervisor.request_stop()


def _status(*, ready: bool) -> HTTPStatus:
    return HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE


async def _tell(response: web.StreamResponse, message: dict[str, str | None]) -> None:
    await response.write(json.dumps(message).encode() + b"\n")
