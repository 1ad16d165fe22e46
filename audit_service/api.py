"""The audit-service's HTTP surface: read the records, note the head, verify the chain. Nothing is written here."""

from dataclasses import asdict
from http import HTTPStatus

from aiohttp import web

from audit_service.chain import Head, Record
from audit_service.records import PAGE, AuditTrail
from shared.shop.audit import AuditHead, AuditRecordPage, AuditRecordView, AuditVerdict, BrokenRecord
from shared.web.http import answer
from shared.web.paging import bad_query, cut, number_in
from shared.web.problems import ProblemError

HIGHEST = 2**63 - 1


def audit_routes(trail: AuditTrail) -> list[web.RouteDef]:
    """The audit-service's routes."""

    async def records(request: web.Request) -> web.Response:
        after = number_in(request.query, "after", 0, lowest=0, highest=HIGHEST)
        limit = number_in(request.query, "limit", 100, lowest=1, highest=PAGE)
        shown, last = cut(await trail.after(after, limit + 1, subject=request.query.get("subject")), limit)
        following = None if last is None else last.number
        return answer(AuditRecordPage(items=[_view(record) for record in shown], next_after=following))

    async def record(request: web.Request) -> web.Response:
        key = request.match_info["audit_id"]
        found = await trail.of_key(key)
        if found is None:
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"There is no record {key[:64]!a}. GET /records?subject=<task id> lists those of a task.",
            )
        return answer(_view(found))

    async def head(_: web.Request) -> web.Response:
        found = await trail.head()
        if found is None:
            raise ProblemError(
                HTTPStatus.CONFLICT, "The head of the chain was removed from the database. See GET /verify."
            )
        return answer(AuditHead(number=found.number, hash=found.hash, anchor=str(found)))

    async def verify(request: web.Request) -> web.Response:
        verdict = await trail.verify(_anchor(request))
        broken = None if verdict.broken is None else BrokenRecord(**asdict(verdict.broken))
        anchor = str(verdict.head) if broken is None else None
        return answer(AuditVerdict(holds=broken is None, records=verdict.head.number, anchor=anchor, broken=broken))

    return [
        web.get("/records", records),
        web.get("/records/{audit_id}", record),
        web.get("/head", head),
        web.get("/verify", verify, allow_head=False),  # it recomputes the whole chain
    ]


def _view(record: Record) -> AuditRecordView:
    return AuditRecordView(audit_id=record.key, recorded_at=record.at, **asdict(record))


def _anchor(request: web.Request) -> Head | None:
    given = request.query.get("anchor")
    if given is None:
        return None
    try:
        return Head.parse(given)
    except ValueError as error:
        raise bad_query(f"{error}.") from error
