"""Composes the task-orchestrator-service and runs it: `python -m task_orchestrator_service`."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import create_engine
from shared.events.consuming import consuming
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.participant.quarantine import Gate
from shared.service.lifecycle import Stop, running
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.registry import SHOP
from shared.shop.task import TASK_ORCHESTRATOR, TASK_ORCHESTRATOR_SERVICE
from shared.workflows.client import DaprEngine
from shared.workflows.retention import Keep, Retention
from shared.workflows.rows import ProgressWriter
from task_orchestrator_service.acceptance import ORDER_TASKS, TaskService
from task_orchestrator_service.activities import serve_task_activities
from task_orchestrator_service.api import task_routes
from task_orchestrator_service.lost import LostTasks, Patience
from task_orchestrator_service.runs import TaskPurges
from task_orchestrator_service.settings import TaskSettings
from task_orchestrator_service.starter import Starter, watch_waiting
from task_orchestrator_service.store import TaskStore
from task_orchestrator_service.workflow import task_workflows_shown_to

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def compose(settings: TaskSettings) -> Service:
    """The task-orchestrator-service, ready to run."""
    url = settings.service_database_url
    http_database = create_engine(url, application_name=f"{TASK_ORCHESTRATOR_SERVICE} http")
    worker_database = create_engine(url, application_name=f"{TASK_ORCHESTRATOR_SERVICE} worker")
    allows_faults = settings.shop_mode.allows_faults
    host = ActivityHost(TASK_ORCHESTRATOR_SERVICE, injector=FaultInjector(worker_database) if allows_faults else None)
    serve_task_activities(host, TaskStore(worker_database), settings.team)
    progress = ProgressWriter(TaskStore(http_database))

    @contextlib.asynccontextmanager
    async def surface(stop: Stop) -> AsyncIterator[list[web.RouteDef]]:
        async with _surface(stop, settings, http_database, progress, host.gate) as routes:
            yield routes

    return Service(
        app=TASK_ORCHESTRATOR,
        settings=settings,
        migrations=MIGRATIONS,
        database=http_database,
        activities=host,
        surface=surface,
        workflows=dict(task_workflows_shown_to(progress.observe)),
    )


@contextlib.asynccontextmanager
async def _surface(
    stop: Stop, settings: TaskSettings, database: AsyncEngine, progress: ProgressWriter, gate: Gate
) -> AsyncIterator[list[web.RouteDef]]:
    tasks = TaskStore(database)
    workflows = DaprEngine(settings.dapr_host, settings.dapr_grpc_port)
    starter = Starter(tasks, workflows, settings.task_concurrency, settings.task_patience_seconds)
    service = TaskService(
        database,
        tasks,
        starter,
        allows_faults=settings.shop_mode.allows_faults,
        mail_takes_utf8=settings.shop_mail_utf8,
    )
    keep = Keep(settings.shop_workflow_retention_seconds, settings.shop_late_result_seconds)
    patience = Patience(settings.task_lost_seconds, settings.task_silent_seconds)
    loops = (
        progress.run(),
        starter.run(),
        LostTasks(tasks, workflows, patience).run(),
        watch_waiting(tasks),
        Retention(TaskPurges(database), workflows, keep).run(),
    )
    consumer = consuming(
        TASK_ORCHESTRATOR_SERVICE,
        settings,
        database,
        ORDER_TASKS,
        stop,
        sources=SHOP.sources,
        ordered=False,
        gate=gate,
    )
    async with consumer as event_routes, running(stop, *loops):
        yield [*task_routes(tasks, service), *event_routes]
    await starter.close()


if __name__ == "__main__":
    run(compose(load(TaskSettings)))
