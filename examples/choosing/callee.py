"""The callee: offers the job by HTTP, to a topic, and as an activity (`python -m examples.choosing.callee`)."""

import asyncio
import os
from pathlib import Path
from typing import Any

from aiohttp import web
from dapr.ext.workflow import WorkflowActivityContext, WorkflowRuntime
from dapr.ext.workflow.logger import LoggerOptions

from examples.choosing.jobs import ACTIVITY, PUBSUB, Job, Journal, serve
from shared.events.event import TOPIC


def routes(journal: Journal) -> list[web.RouteDef]:
    """The job by HTTP, and the subscription to the topic."""

    async def by_http(request: web.Request) -> web.Response:
        journal.do(Job.model_validate(await request.json()))
        return web.json_response({"done": True})

    async def subscriptions(_: web.Request) -> web.Response:
        return web.json_response([{"pubsubname": PUBSUB, "topic": TOPIC, "route": "/events"}])

    async def by_event(request: web.Request) -> web.Response:
        event = await request.json()
        journal.do(Job.model_validate(event["data"]))
        return web.json_response({"status": "SUCCESS"})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    return [
        web.post("/jobs", by_http),
        web.get("/dapr/subscribe", subscriptions),
        web.post("/events", by_event),
        web.get("/healthz", healthz),
    ]


def runtime(journal: Journal, grpc_port: str) -> WorkflowRuntime:
    """The job as an activity."""

    async def do_job(ctx: WorkflowActivityContext, job: dict[str, Any]) -> dict[str, Any]:
        del ctx
        journal.do(Job.model_validate(job))
        return {"done": True}

    worker = WorkflowRuntime(port=grpc_port, logger_options=LoggerOptions(log_level="ERROR"), worker_ready_timeout=3600)
    worker.register_activity(do_job, name=ACTIVITY)
    return worker


async def main() -> None:
    """Serve until the process is ended."""
    journal = Journal(Path(os.environ["CHOOSING_BOOK"]))
    await serve(routes(journal), runtime(journal, os.environ["DAPR_GRPC_PORT"]))


if __name__ == "__main__":
    asyncio.run(main())
