"""RFC 9457 problem documents: every error of every HTTP surface."""

from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from shared.database import is_unreachable, may_pass
from shared.web.requests import (
    FaultsForbiddenError,
    KeyReusedError,
    NeverRefusesError,
    NoAddressError,
    RequestRefusedError,
    UnknownActivityError,
)

ModelT = TypeVar("ModelT", bound=BaseModel)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Statuses = Mapping[type[RequestRefusedError], HTTPStatus]
"""With which status each refusal of a use case is answered."""

REQUEST_STATUSES: Final[Statuses] = {
    KeyReusedError: HTTPStatus.CONFLICT,
    FaultsForbiddenError: HTTPStatus.FORBIDDEN,
    NoAddressError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownActivityError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NeverRefusesError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""Those of every service that takes idempotent requests with fault plans."""

AWAY_HEADERS: Final = {"Retry-After": "2"}
"""Of an answer that another service is needed for, which is away."""

log = structlog.get_logger()


class ProblemError(Exception):
    """An error with a sentence for the client; nothing was changed."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: dict[str, str] | None = None, **extra: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra


def problem_response(
    status: int, detail: str, headers: dict[str, str] | None = None, extra: dict[str, Any] | None = None
) -> web.Response:
    """A problem document with this status and sentence."""
    title = HTTPStatus(status).phrase
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **(extra or {})}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong into a problem document."""
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem_response(problem.status, problem.detail, problem.headers, problem.extra)
    except web.HTTPRequestEntityTooLarge as error:
        return problem_response(error.status, f"The body is larger than this address takes: {error.text}.")
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name in {"Allow", "Location"}}
        return problem_response(error.status, f"{error.reason}: {request.method} {request.path}.", kept)
    except Exception as error:  # the entry point of every request
        if may_pass(error):
            if not is_unreachable(error):  # the readiness reports that one
                log.warning("the database is too busy", method=request.method, path=request.path, error=str(error))
            detail = "The database is away or too busy. Try again; with the same Idempotency-Key that is safe."
            return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
        log.exception("request failed", method=request.method, path=request.path)
        detail = "The service made a mistake; its log says which. Repeating with the same Idempotency-Key is safe."
        return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def answering(statuses: Statuses, routes: Iterable[web.RouteDef]) -> list[web.RouteDef]:
    """The routes, with each refusal of a use case answered as a problem document."""
    return [web.RouteDef(one.method, one.path, _answering(statuses, one.handler), one.kwargs) for one in routes]


def _answering(statuses: Statuses, handler: Handler) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestRefusedError as refusal:
            status = statuses[type(refusal)]
            headers = AWAY_HEADERS if status is HTTPStatus.SERVICE_UNAVAILABLE else None
            raise ProblemError(status, str(refusal), headers=headers) from refusal

    return answer


async def read_json(request: web.Request, model: type[ModelT]) -> ModelT:
    """The request's body as a validated model. A byte order mark, which some clients write, is skipped (RFC 8259).

    Raises:
        ProblemError: 400 for what isn't JSON or nested too deeply, 422 with a sentence per field for what
            doesn't fit the model.
    """
    try:
        return model.model_validate_json((await request.read()).removeprefix(BOM_UTF8))
    except ValidationError as error:
        found = error.errors()
        if found[0]["type"] == "json_invalid":
            detail = f"The body must be JSON: {found[0]['ctx']['error']}."
            raise ProblemError(HTTPStatus.BAD_REQUEST, detail) from error
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in found) + ".",
            errors=[{"field": _place(one["loc"]), "message": one["msg"]} for one in found],
        ) from error


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"
