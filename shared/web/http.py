"""The part of the HTTP surface that all services share: health, readiness, metrics, what it is, problems."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.service.about import About
from shared.web.problems import problem_response, problems

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
        app.router.add_get("/about", _about(introduce))
    return app


def _about(introduce: Introduce) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def about(_: web.Request) -> web.Response:
        return web.json_response((await introduce()).model_dump(mode="json"))

    return about
