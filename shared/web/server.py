"""How every HTTP surface is served: what can't be read is answered by a problem document, and nobody waits for ever.

aiohttp answers what its parser turns away by itself, before any middleware, as text and with a traceback in the log.
"""

from http import HTTPStatus
from typing import Any, Final

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from shared.web.problems import UNREADABLE, problem_response

IDLE_SECONDS: Final = 30.0
"""A connection that asks for nothing is closed after so long, and one that stops in the middle of its headers."""

log = structlog.get_logger()


class Runner(web.AppRunner):
    """Serves an application."""

    def __init__(self, app: web.Application, *, shutdown_seconds: float, idle_seconds: float = IDLE_SECONDS) -> None:
        super().__init__(app, access_log=None, shutdown_timeout=shutdown_seconds, keepalive_timeout=idle_seconds)

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **made._kwargs)  # noqa: SLF001


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what no handler got to see, or failed at while it was answering."""
        del message  # it repeats what was sent
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer has been sent") from exc
        if isinstance(exc, UnicodeError):  # aiohttp itself answers before any handler, and quotes a header's bytes
            status = HTTPStatus.BAD_REQUEST
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("no answer could be made", exc_info=exc)
        detail = UNREADABLE if status < HTTPStatus.INTERNAL_SERVER_ERROR else "The service made a mistake."
        response = problem_response(status, detail)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ANN401 - as it is there
        """Not what a client sent: one line of curl would fill the log."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """What is raised before the middlewares, such as 417, is a problem document as well."""
        if isinstance(resp, web.HTTPException):
            resp = problem_response(resp.status, f"{resp.reason}: {request.method} {request.path}.")
        return await super().finish_response(request, resp, start_time)
