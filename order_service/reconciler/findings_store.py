"""The findings: what is open, since when, and what was done about it. It outlives the process that wrote it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, case, func, or_, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import MEANINGS, OF_WORKFLOWS, Finding, FindingKind
from order_service.tables import FINDINGS, ORDERS, RECONCILER
from shared.shop.reports import FindingView, ReconciliationReport

SHOWN: Final = 200
KEPT: Final = text("interval '30 days'")
"""How long a finding is kept after it was resolved."""

log = structlog.get_logger()


class FindingsStore:
    """Writes findings down, and reads them. Belongs to the event loop of its database."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def note(self, finding: Finding) -> float:
        """Write a finding down (again); for how many seconds it has been seen without a break, 0 if it is new."""
        (seconds,) = await self.note_all([finding])
        return seconds

    async def note_all(self, findings: Sequence[Finding]) -> list[float]:
        """As `note`, for findings of different subjects."""
        if not findings:
            return []
        resolved = FINDINGS.c.resolved_at.is_not(None)
        new = insert(FINDINGS).values(
            [{"kind": one.kind, "subject": one.subject, "seen": one.seen} for one in findings]
        )
        seconds = func.extract("epoch", FINDINGS.c.last_seen_at - FINDINGS.c.first_seen_at).label("seconds")
        statement = new.on_conflict_do_update(
            index_elements=["kind", "subject"],
            set_={
                "seen": new.excluded.seen,
                "first_seen_at": case((resolved, func.now()), else_=FINDINGS.c.first_seen_at),
                "action": case((resolved, ""), else_=FINDINGS.c.action),
                "last_seen_at": func.now(),
                "resolved_at": None,
            },
        ).returning(FINDINGS.c.kind, FINDINGS.c.subject, seconds)
        async with self._database.begin() as tx:
            rows = await tx.execute(statement)
            since = {(row.kind, row.subject): float(row.seconds) for row in rows}
        for one in findings:
            if since[one.kind, one.subject] == 0:
                log.warning("found", kind=one.kind, order_id=one.subject, seen=one.seen)
        return [since[one.kind, one.subject] for one in findings]

    async def acted(self, finding: Finding, action: str) -> None:
        """Write down what was done about it."""
        statement = update(FINDINGS).where(FINDINGS.c.kind == finding.kind, FINDINGS.c.subject == finding.subject)
        async with self._database.begin() as tx:
            await tx.execute(statement.values(action=action))

    async def resolve(
        self, kinds: Collection[FindingKind], seen: Iterable[Finding], subjects: Collection[str] | None = None
    ) -> None:
        """Close the findings of these kinds that were not seen again; of these subjects only, if given."""
        still = [(finding.kind, finding.subject) for finding in seen]
        statement = update(FINDINGS).where(
            FINDINGS.c.kind.in_(kinds),
            FINDINGS.c.resolved_at.is_(None),
            tuple_(FINDINGS.c.kind, FINDINGS.c.subject).not_in(still),
        )
        if subjects is not None:
            statement = statement.where(FINDINGS.c.subject.in_(subjects))
        async with self._database.begin() as tx:
            await tx.execute(statement.values(resolved_at=func.now()))

    async def close_sweep(self, skipped: str | None) -> None:
        """Close what belongs to orders that have ended, forget what is old, and write down that a sweep has ended."""
        ended = select(ORDERS.c.order_id).where(ORDERS.c.ended_at.is_not(None), ORDERS.c.order_id == FINDINGS.c.subject)
        over = update(FINDINGS).where(
            FINDINGS.c.kind.in_(OF_WORKFLOWS), FINDINGS.c.resolved_at.is_(None), ended.exists()
        )
        async with self._database.begin() as tx:
            await tx.execute(over.values(resolved_at=func.now()))
            await tx.execute(FINDINGS.delete().where(FINDINGS.c.resolved_at < func.now() - KEPT))
            await tx.execute(update(RECONCILER).values(swept_at=func.now(), skipped=skipped))

    async def begin_scan(self, every_seconds: float) -> bool:
        """Whether a scan is due; the next one is after this time, whatever becomes of this one."""
        begun = RECONCILER.c.audit_begun_at
        due = or_(begun.is_(None), begun <= func.now() - timedelta(seconds=every_seconds))
        async with self._database.begin() as tx:
            return (await tx.execute(update(RECONCILER).where(due).values(audit_begun_at=func.now()))).rowcount > 0

    async def end_scan(self, skipped: str | None) -> None:
        """Write down that a scan has ended, and what it could not look at."""
        async with self._database.begin() as tx:
            await tx.execute(update(RECONCILER).values(audited_at=func.now(), audit_skipped=skipped))

    async def open_subjects(self, kind: FindingKind) -> Sequence[str]:
        """The subjects of the kind's open findings."""
        statement = select(FINDINGS.c.subject).where(FINDINGS.c.kind == kind, FINDINGS.c.resolved_at.is_(None))
        async with self._database.connect() as connection:
            return (await connection.execute(statement)).scalars().all()

    async def open_by_kind(self) -> dict[str, int]:
        """How many findings of each kind are open."""
        statement = select(FINDINGS.c.kind, func.count()).where(FINDINGS.c.resolved_at.is_(None))
        async with self._database.connect() as connection:
            rows = await connection.execute(statement.group_by(FINDINGS.c.kind))
            return {kind: count for kind, count in rows}  # noqa: C416 - rows are no tuples

    async def report(self, late_sweep_seconds: float, late_scan_seconds: float) -> ReconciliationReport:
        """All findings, open ones and the last that were resolved; `reconciled` if none is open and all was looked at.

        Args:
            late_sweep_seconds: a last sweep that ended longer ago says nothing about now.
            late_scan_seconds: nor does a last scan.
        """
        is_open = FINDINGS.c.resolved_at.is_(None)
        async with self._database.connect() as connection:
            state = (await connection.execute(select(RECONCILER))).one()
            oldest = select(FINDINGS).where(is_open).order_by(FINDINGS.c.first_seen_at).limit(SHOWN)
            findings = [_view(row) for row in await connection.execute(oldest)]
            newest = select(FINDINGS).where(~is_open).order_by(FINDINGS.c.resolved_at.desc()).limit(SHOWN)
            resolved = [_view(row) for row in await connection.execute(newest)]
        skipped = _skipped(state, late_sweep_seconds, late_scan_seconds)
        return ReconciliationReport(
            reconciled=not findings and skipped is None,
            swept_at=state.swept_at,
            audited_at=state.audited_at,
            skipped=skipped,
            findings=findings,
            resolved=resolved,
        )


def _skipped(state: Row[Any], late_sweep_seconds: float, late_scan_seconds: float) -> str | None:
    if _is_late(state.swept_at, late_sweep_seconds):
        return "The reconciler has made no sweep for a while: see the log of order-service."
    scan: str | None = state.audit_skipped
    if _is_late(state.audited_at, late_scan_seconds):
        scan = "The reconciler has made no scan for a while: see the log of order-service."
    return " ".join(one for one in (state.skipped, scan) if one is not None) or None


def _is_late(moment: datetime | None, seconds: float) -> bool:
    return moment is None or (datetime.now(UTC) - moment).total_seconds() > seconds


def _view(row: Row[Any]) -> FindingView:
    return FindingView(**row._asdict(), **asdict(MEANINGS[FindingKind(row.kind)]))
