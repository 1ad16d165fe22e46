"""The HTTP surface that all services share: health, readiness, metrics, who it is, how documents are answered."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from shared.service.about import About
from shared.web.bodies import MAX_KEY_LENGTH
from shared.web.problems import ProblemError, problem_response, problems
from shared.web.server import Runner

Readiness = Callable[[], Awaitable[str | None]]
"""Why the service isn't ready, or None if it is."""

Introduce = Callable[[], Awaitable[About]]
"""What the service is, now."""

MAX_BODY_BYTES: Final = 64 * 1024


def application(
    readiness: Readiness, introduce: Introduce | None = None, *, max_body_bytes: int = MAX_BODY_BYTES
) -> web.Application:
    """An aiohttp application with `/healthz`, `/readyz` and `/metrics`, which answers errors as problem documents.

    An app behind a sidecar introduces itself at `/about`.
    """
    app = web.Application(middlewares=[problems], client_max_size=max_body_bytes)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        reason = await readiness()
        if reason is not None:
            return problem_response(503, reason)
        return web.json_response({"status": "ready"})

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    if introduce is not None:

        async def about(_: web.Request) -> web.Response:
            return web.json_response((await introduce()).model_dump(mode="json"))

        app.router.add_get("/about", about)
    return app


def answer(view: BaseModel, status: HTTPStatus = HTTPStatus.OK, headers: dict[str, str] | None = None) -> web.Response:
    """The document as the answer to a request."""
    return web.Response(text=view.model_dump_json(), status=status, headers=headers, content_type="application/json")


def idempotency_key_of(request: web.Request, what: str) -> str:
    """The key, one per `what`.

    Raises:
        ProblemError: 400 if there is none, or one that can't be stored.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            f"Send an Idempotency-Key header: a fresh UUID per {what}, the same one on every retry "
            f"(1 to {MAX_KEY_LENGTH} printable characters).",
        )
    return key


async def serve_until(
    stop: asyncio.Event, app: web.Application, place: tuple[str, int], *, shutdown_seconds: float
) -> None:
    """Serve the application at a host and port until `stop` is set, then end its requests within that time."""
    runner = Runner(app, shutdown_seconds=shutdown_seconds)
    await runner.setup()
    try:
        await web.TCPSite(runner, *place).start()
        await stop.wait()
    finally:
        await runner.cleanup()
