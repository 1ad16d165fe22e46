"""The audit-service's HTTP surface: read the records, note the head, verify the chain. Nothing is written here."""

from http import HTTPStatus
from typing import Any

from aiohttp import web

from audit_service.chain import Head, Record
from audit_service.records import PAGE, AuditTrail
from shared.web.paging import bad_query, cut, number_in
from shared.web.problems import ProblemError
from shared.web.views import iso

HIGHEST = 2**63 - 1


def audit_routes(trail: AuditTrail) -> list[web.RouteDef]:
    """The audit-service's routes."""

    async def records(request: web.Request) -> web.Response:
        after = number_in(request.query, "after", 0, lowest=0, highest=HIGHEST)
        limit = number_in(request.query, "limit", 100, lowest=1, highest=PAGE)
        shown, last = cut(await trail.after(after, limit + 1, subject=request.query.get("subject")), limit)
        following = None if last is None else last.number
        return web.json_response({"items": [_shown(record) for record in shown], "next_after": following})

    async def record(request: web.Request) -> web.Response:
        key = request.match_info["audit_id"]
        found = await trail.of_key(key)
        if found is None:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"There is no record {key[:64]!a}. GET /records?subject=<task id> lists those of a task.",
            )
        return web.json_response(_shown(found))

    async def head(_: web.Request) -> web.Response:
        found = await trail.head()
        if found is None:
            raise ProblemError(
                HTTPStatus.CONFLICT, "The head of the chain was removed from the database. See GET /verify."
            )
        return web.json_response({"number": found.number, "hash": found.hash, "anchor": str(found)})

    async def verify(request: web.Request) -> web.Response:
        verdict = await trail.verify(_anchor(request))
        broken = verdict.broken
        body: dict[str, Any] = {
            "holds": broken is None,
            "records": verdict.head.number,
            "anchor": str(verdict.head) if broken is None else None,
            "broken": None
            if broken is None
            else {"number": broken.number, "what": broken.what, "what_to_do": broken.what_to_do},
        }
        return web.json_response(body)

    return [
        web.get("/records", records),
        web.get("/records/{audit_id}", record),
        web.get("/head", head),
        web.get("/verify", verify),
    ]


def _shown(record: Record) -> dict[str, Any]:
    return {
        "audit_id": record.key,
        "number": record.number,
        "kind": record.kind,
        "subject": record.subject,
        "content": record.content,
        "recorded_at": iso(record.at),
        "previous_hash": record.previous_hash,
        "hash": record.hash,
    }


def _anchor(request: web.Request) -> Head | None:
    given = request.query.get("anchor")
    if given is None:
        return None
    try:
        return Head.parse(given)
    except ValueError as error:
        raise bad_query(f"{error}.") from error
