"""The caller: has the job done in the way that is asked for (`python -m examples.choosing.caller`).

Each way is what a service would write without further thought; what a failure makes of it is what the example shows.
"""

import asyncio
import os
from collections.abc import Generator
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import grpc
from aiohttp import web
from dapr.ext.workflow import DaprWorkflowContext, WorkflowRuntime
from dapr.ext.workflow.aio import DaprWorkflowClient
from dapr.ext.workflow.logger import LoggerOptions

from examples.choosing.jobs import ACCEPTED, ACTIVITY, CALLEE, DONE, PUBSUB, WORKFLOW, Job, Way, serve
from shared.events.event import TOPIC

CALL_SECONDS: Final = 10.0


def job_workflow(ctx: DaprWorkflowContext, job: dict[str, Any]) -> Generator[Any, Any, dict[str, Any]]:
    """Have the other app do the job; wherever either dies, this goes on."""
    answer: dict[str, Any] = yield ctx.call_activity(ACTIVITY, input=job, app_id=CALLEE)
    return answer


class Caller:
    """The three ways."""

    def __init__(self, session: aiohttp.ClientSession, dapr_http_port: str, dapr_grpc_port: str) -> None:
        self._session = session
        self._sidecar = f"http://127.0.0.1:{dapr_http_port}"
        self._workflows = DaprWorkflowClient(port=dapr_grpc_port, logger_options=LoggerOptions("CRITICAL"))

    async def have_done(self, way: Way, job: Job) -> str:
        """DONE, ACCEPTED, or what went wrong."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                match way:
                    case Way.HTTP:
                        return await self._by_http(job)
                    case Way.PUBSUB:
                        return await self._by_event(job)
                    case Way.WORKFLOW:
                        return await self._by_workflow(job)
        except (aiohttp.ClientError, grpc.RpcError, TimeoutError) as error:
            return f"failed: {type(error).__name__}"

    async def _by_http(self, job: Job) -> str:
        url = f"{self._sidecar}/v1.0/invoke/{CALLEE}/method/jobs"
        async with self._session.post(url, json=job.model_dump(mode="json")) as answer:
            return DONE if answer.status == HTTPStatus.OK else f"failed: {answer.status}"

    async def _by_event(self, job: Job) -> str:
        url = f"{self._sidecar}/v1.0/publish/{PUBSUB}/{TOPIC}"
        async with self._session.post(url, json=job.model_dump(mode="json")) as answer:
            return ACCEPTED if answer.status == HTTPStatus.NO_CONTENT else f"failed: {answer.status}"

    async def _by_workflow(self, job: Job) -> str:
        await self._workflows.schedule_new_workflow(WORKFLOW, input=job.model_dump(mode="json"), instance_id=job.job_id)
        return ACCEPTED

    async def workflow_status(self, job_id: str) -> str:
        """How the workflow of a job stands."""
        try:
            state = await self._workflows.get_workflow_state(job_id, fetch_payloads=False)
        except grpc.RpcError:
            # A read that meets a turn being saved fails now and then; whoever asks asks again.
            return "unknown"
        return "unknown" if state is None else state.runtime_status.name.lower()


def routes(caller: Caller) -> list[web.RouteDef]:
    """The caller's surface for the bench and the test."""

    async def have_done(request: web.Request) -> web.Response:
        way, job = Way(request.match_info["way"]), Job.model_validate(await request.json())
        return web.json_response({"answer": await caller.have_done(way, job)})

    async def status(request: web.Request) -> web.Response:
        return web.json_response({"status": await caller.workflow_status(request.match_info["job_id"])})

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    return [web.post("/{way}", have_done), web.get("/jobs/{job_id}", status), web.get("/healthz", healthz)]


async def main() -> None:
    """Serve until the process is ended."""
    grpc_port = os.environ["DAPR_GRPC_PORT"]
    worker = WorkflowRuntime(port=grpc_port, logger_options=LoggerOptions(log_level="ERROR"), worker_ready_timeout=3600)
    worker.register_workflow(job_workflow, name=WORKFLOW)
    async with aiohttp.ClientSession() as session:
        caller = Caller(session, os.environ["DAPR_HTTP_PORT"], grpc_port)
        await serve(routes(caller), worker)


if __name__ == "__main__":
    asyncio.run(main())
