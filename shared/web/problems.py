"""RFC 9457 problem documents: every error of every HTTP surface."""

import asyncio
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

CLOSE: Final = {"Connection": "close"}
BODY_SECONDS: Final = 30.0
"""So long a body may pause on its way."""
DECODED: Final = frozenset({"identity", "gzip", "deflate"})
UNREADABLE: Final = (
    "This is no HTTP request that can be read: its first line or a header is too long, or its chunks, its length or "
    "its encoding are not what its headers say."
)

T = TypeVar("T")

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
    except Exception as error:  # noqa: BLE001 - the entry point of every request
        return _unforeseen(request, error)


def _unforeseen(request: web.Request, error: Exception) -> web.Response:
    if not _is_text(request):
        return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, "The address holds a NUL, or half a character.")
    if may_pass(error):
        if not is_unreachable(error):  # the readiness reports that one
            log.warning("the database is too busy", method=request.method, path=request.path, error=str(error))
        detail = "The database is away or too busy. Try again; with the same Idempotency-Key that is safe."
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "1"})
    log.error("request failed", method=request.method, path=request.path, exc_info=error)
    detail = "The service made a mistake; its log says which. Repeating with the same Idempotency-Key is safe."
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _is_text(request: web.Request) -> bool:
    """Whether the address has nothing in it on which a database or an encoder chokes, should a handler pass it on."""
    said = "".join((request.path, *request.query.keys(), *request.query.values()))
    return "\0" not in said and not any("\ud800" <= letter <= "\udfff" for letter in said)


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


async def arrived(reading: Awaitable[T], of: web.Request, *, pause_seconds: float | None = None) -> T:
    """What `reading` gives of a request's body, unless the body stops coming.

    Raises:
        ProblemError: 408 after a pause of `BODY_SECONDS`; 400 if it isn't encoded as its headers say.
    """
    pause_seconds = BODY_SECONDS if pause_seconds is None else pause_seconds
    task = asyncio.ensure_future(reading)
    try:
        while not task.done():
            seen = of.content.total_bytes
            await asyncio.wait({task}, timeout=pause_seconds)
            if not task.done() and of.content.total_bytes == seen:
                detail = f"The body stopped coming for {pause_seconds:g} s: send it again, whole."
                raise ProblemError(HTTPStatus.REQUEST_TIMEOUT, detail, headers=CLOSE)
        return task.result()
    except web.RequestPayloadError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, UNREADABLE, headers=CLOSE) from error
    finally:
        task.cancel()


async def body_of(request: web.Request) -> bytes:
    """The whole body, as `arrived`.

    Raises:
        ProblemError: as `arrived`; 415 if it is encoded in another way than those that are decoded here.
    """
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in DECODED:
        known = ", ".join(sorted(DECODED))
        detail = f"Content-Encoding: {encoding[:40]!a} is not taken; there are {known}."
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail, headers={"Accept-Encoding": known})
    return await arrived(request.read(), request)


async def read_json(request: web.Request, model: type[ModelT]) -> ModelT:
    """The request's body as a validated model. A byte order mark, which some clients write, is skipped (RFC 8259).

    Raises:
        ProblemError: 400 for what isn't JSON or nested too deeply, 422 with a sentence per field for what
            doesn't fit the model.
    """
    try:
        return model.model_validate_json((await body_of(request)).removeprefix(BOM_UTF8))
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
