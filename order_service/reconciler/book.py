"""The book of findings: what is open, since when, and what was done about it. It outlives the process that wrote it."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, case, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from order_service.reconciler.findings import MEANINGS, OF_WORKFLOWS, Finding, FindingKind
from order_service.tables import FINDINGS, ORDERS, RECONCILER

SHOWN: Final = 200
KEPT: Final = text("interval '30 days'")
"""How long a finding is kept after it was resolved."""


class Book:
    """Writes findings down, and reads them. Belongs to the event loop of its engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def note(self, finding: Finding) -> float:
        """Write a finding down (again); for how many seconds it has been seen without a break, 0 if it is new."""
        resolved = FINDINGS.c.resolved_at.is_not(None)
        new = insert(FINDINGS).values(kind=finding.kind, subject=finding.subject, seen=finding.seen)
        statement = new.on_conflict_do_update(
            index_elements=["kind", "subject"],
            set_={
                "seen": new.excluded.seen,
                "first_seen_at": case((resolved, func.now()), else_=FINDINGS.c.first_seen_at),
                "action": case((resolved, ""), else_=FINDINGS.c.action),
                "last_seen_at": func.now(),
                "resolved_at": None,
            },
        ).returning(func.extract("epoch", FINDINGS.c.last_seen_at - FINDINGS.c.first_seen_at))
        async with self._engine.begin() as tx:
            return float((await tx.execute(statement)).scalar_one())

    async def acted(self, finding: Finding, action: str) -> None:
        """Write down what was done about it."""
        statement = update(FINDINGS).where(FINDINGS.c.kind == finding.kind, FINDINGS.c.subject == finding.subject)
        async with self._engine.begin() as tx:
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
        async with self._engine.begin() as tx:
            await tx.execute(statement.values(resolved_at=func.now()))

    async def close_sweep(self, skipped: str | None) -> None:
        """Close what belongs to orders that have ended, forget what is old, and write down that a sweep has ended."""
        ended = select(ORDERS.c.order_id).where(ORDERS.c.ended_at.is_not(None), ORDERS.c.order_id == FINDINGS.c.subject)
        over = update(FINDINGS).where(
            FINDINGS.c.kind.in_(OF_WORKFLOWS), FINDINGS.c.resolved_at.is_(None), ended.exists()
        )
        async with self._engine.begin() as tx:
            await tx.execute(over.values(resolved_at=func.now()))
            await tx.execute(FINDINGS.delete().where(FINDINGS.c.resolved_at < func.now() - KEPT))
            await tx.execute(update(RECONCILER).values(swept_at=func.now(), skipped=skipped))

    async def open_by_kind(self) -> dict[str, int]:
        """How many findings of each kind are open."""
        statement = select(FINDINGS.c.kind, func.count()).where(FINDINGS.c.resolved_at.is_(None))
        async with self._engine.connect() as connection:
            rows = await connection.execute(statement.group_by(FINDINGS.c.kind))
            return {kind: count for kind, count in rows}  # noqa: C416 - rows are no tuples

    async def report(self, late_after_seconds: float) -> dict[str, Any]:
        """All findings, open ones and the last that were resolved; `reconciled` if none is open and a sweep was made.

        Args:
            late_after_seconds: a last sweep that ended longer ago says nothing about now.
        """
        known = select(FINDINGS)
        async with self._engine.connect() as connection:
            state = (await connection.execute(select(RECONCILER))).one()
            open_ = await connection.execute(
                known.where(FINDINGS.c.resolved_at.is_(None)).order_by(FINDINGS.c.first_seen_at).limit(SHOWN)
            )
            findings = [_shown(row) for row in open_]
            closed = await connection.execute(
                known.where(FINDINGS.c.resolved_at.is_not(None)).order_by(FINDINGS.c.resolved_at.desc()).limit(SHOWN)
            )
            resolved = [_shown(row) for row in closed]
        skipped = state.skipped
        if state.swept_at is None or (datetime.now(UTC) - state.swept_at).total_seconds() > late_after_seconds:
            skipped = "The reconciler has made no sweep for a while: see the log of order-service."
        return {
            "reconciled": not findings and skipped is None,
            "swept_at": _iso(state.swept_at),
            "skipped": skipped,
            "findings": findings,
            "resolved": resolved,
        }


def _shown(row: Row[Any]) -> dict[str, Any]:
    meaning = MEANINGS[FindingKind(row.kind)]
    return {
        "kind": row.kind,
        "subject": row.subject,
        "seen": row.seen,
        "why": meaning.why,
        "action": row.action,
        "advice": meaning.advice,
        "first_seen_at": _iso(row.first_seen_at),
        "last_seen_at": _iso(row.last_seen_at),
        "resolved_at": _iso(row.resolved_at),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
