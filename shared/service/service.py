"""Runs a service from start to drained end."""

import asyncio
import contextlib
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import structlog
from aiohttp import web
from dapr.ext.workflow import WorkflowRuntime
from dapr.ext.workflow.logger import LoggerOptions
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.contracts.app import App
from shared.participant.activities import ActivityHost
from shared.participant.call_probe import PROBE_CALLS, probe_calls
from shared.participant.quarantine import Quarantine
from shared.service.about import Introduction, Registrations
from shared.service.lifecycle import Stop, configure_logs, database_reason, prepare_schema, running, stop_signal
from shared.service.quarantine_api import quarantine_routes
from shared.service.sdk_fixes import run_turns_behind
from shared.service.settings import ServiceSettings
from shared.service.sidecar import sidecar_reason, watch_sidecar
from shared.web.http import MAX_BODY_BYTES, application
from shared.web.server import Runner

log = structlog.get_logger()

WORKER_START_SECONDS: Final = 3600.0
"""The worker keeps trying until its sidecar is there; readiness reports that it isn't yet."""
HTTP_SHUTDOWN_SECONDS: Final = 2.0
SIDECAR_WATCH_SECONDS: Final = 5.0

Surface = Callable[[Stop], AbstractAsyncContextManager[Sequence[web.RouteDef]]]
"""Makes what lives on the HTTP loop, and the routes over it; ends the process by the stop if a part of it fails."""


@dataclass(slots=True)
class Service:
    """What makes one service: composed by its `__main__`, run by `run`."""

    app: App
    settings: ServiceSettings
    migrations: Path
    """Where its tables come from."""
    database: AsyncEngine
    """For the HTTP loop. Activities have a pool of their own, since one belongs to one loop."""
    activities: ActivityHost
    routes: list[web.RouteDef] = field(default_factory=list)
    surface: Surface | None = None
    """Entered on the HTTP loop before the worker starts, left when the process ends; adds to `routes`."""
    workflows: dict[str, Callable[..., Any]] = field(default_factory=dict)
    max_body_bytes: int = MAX_BODY_BYTES
    migrates: bool = True
    """False if the service's role has no right to, and someone else did."""


def run(service: Service) -> None:
    """Run until SIGTERM or SIGINT, or until a part of it fails, then drain and end the process. Does not return."""
    configure_logs(service.app.app_id)
    asyncio.run(_serve(service))


async def _serve(service: Service) -> None:
    stop = stop_signal()
    settings = service.settings
    if service.migrates:
        await prepare_schema(settings.service_database_url, service.migrations, service.app.auditor_reads)
    service.activities.gate.shut()
    quarantine = Quarantine(service.activities.gate, service.database)
    async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
        routes = [*service.routes, *quarantine_routes(quarantine)]
        if service.surface is not None:
            routes += await stack.enter_async_context(service.surface(stop))
        runtime, registrations = _runtime(service)
        app = _application(service, session, routes, registrations)
        runner = Runner(app, shutdown_seconds=HTTP_SHUTDOWN_SECONDS)
        await runner.setup()
        await web.TCPSite(runner, settings.service_http_host, settings.service_http_port).start()
        worker = asyncio.create_task(asyncio.to_thread(runtime.start), name="worker")
        worker.add_done_callback(lambda task: _stop_if_failed(task, stop))
        looks = math.ceil(settings.sidecar_patience_seconds / SIDECAR_WATCH_SECONDS)
        watch = watch_sidecar(session, settings.sidecar_api_url, looks=looks, pause=SIDECAR_WATCH_SECONDS)
        async with running(stop, watch, quarantine.run(settings.state_folder, service.app.app_id)):
            await stop.wait()
        log.info("draining", app_id=service.app.app_id)
        drained = await service.activities.drain.wait(settings.drain_seconds)
        log.info("stopped", app_id=service.app.app_id, drained=drained)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runner.cleanup(), HTTP_SHUTDOWN_SECONDS * 2)
    # The SDK's shutdown loses the result of a running activity and can crash the process: everything is drained, so go.
    # Works around `shutdown-loses-results` (docs/upstream.md).
    sys.stdout.flush()
    os._exit(stop.exit_code)


def _application(
    service: Service, session: aiohttp.ClientSession, routes: Sequence[web.RouteDef], registrations: Registrations
) -> web.Application:
    async def readiness() -> str | None:
        metadata_url = service.settings.sidecar_metadata_url
        return await database_reason(service.database) or await sidecar_reason(session, metadata_url)

    introduction = Introduction(service.app.app_id, service.database, service.migrations, registrations)
    app = application(readiness, introduction.about, max_body_bytes=service.max_body_bytes)
    app.router.add_routes(routes)
    return app


def _runtime(service: Service) -> tuple[WorkflowRuntime, Registrations]:
    run_turns_behind(service.activities.gate)
    runtime = WorkflowRuntime(
        host=service.settings.dapr_host,
        port=str(service.settings.dapr_grpc_port),
        logger_options=LoggerOptions(log_level="ERROR"),
        worker_ready_timeout=WORKER_START_SECONDS,
    )
    registrations = Registrations(runtime)
    service.activities.register(registrations)
    if service.workflows:
        registrations.register_workflows({**service.workflows, PROBE_CALLS: probe_calls})
    return runtime, registrations


def _stop_if_failed(worker: asyncio.Task[None], stop: Stop) -> None:
    if not worker.cancelled() and worker.exception() is not None:
        log.error("the workflow worker did not start", error=str(worker.exception()))
        stop.fail()
