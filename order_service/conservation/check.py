"""Checks the rules of conservation over all services' tables, as often as somebody asks and one check at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from order_service.conservation.accounts import ACCOUNTS, CLOSED_BY_HAND, OF_ACCOUNTS
from order_service.conservation.rules import ALONE, BY_STATUS, NEEDS_ATTENTION, READABLE, SUMS, packed_within
from shared.contracts.app import Rule
from shared.shop.reasons import for_customer, for_operators
from shared.shop.reports import ConservationReport, HandClosing, OrderAtRisk, RuleView, Violation
from shared.shop.task import TASK_ORCHESTRATOR

SHOWN_PER_RULE: Final = 100
PACK_SECONDS: Final = 7200.0

STATEMENT_SECONDS: Final = 600.0
"""How long one statement of a check may take. Each reads whole tables, so that its time grows with their history."""

_ROOM_TO_ADD_UP: Final = "SET LOCAL work_mem = '64MB'"
"""With the default of 4 MB the sums of some 10,000 orders already go through files."""


class ConservationCheck:
    """Reads everything, changes nothing: its role may only select. Belongs to one event loop."""

    def __init__(self, database: AsyncEngine, *, pack_seconds: float = PACK_SECONDS) -> None:
        """`database`: of the auditor, for this alone, with statements that may take `STATEMENT_SECONDS`.

        `pack_seconds`: so long a completed order may wait for being packed, where tasks are installed.
        """
        self._database = database
        self._packed = packed_within(pack_seconds)
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[ConservationReport] | None = None
        self._running: asyncio.Task[ConservationReport] | None = None

    async def report(self) -> ConservationReport:
        """Whether conservation holds, every violation by rule, and the sums.

        Who asks while a check runs gets the answer of the next one, together with all others who ask meanwhile: an
        answer is never older than its question.

        Each rule is judged in one snapshot of all tables, and so are the sums, so that they are right while orders are
        running. They aren't all of the same moment: a snapshot of the whole check would keep the database from
        vacuuming, and no rule speaks of another one's figures.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._check_alone())
        # Whoever stops waiting leaves the check to the others.
        return await asyncio.shield(self._next)

    async def close(self) -> None:
        await self._database.dispose()

    async def _check_alone(self) -> ConservationReport:
        async with self._one_at_a_time:
            # Kept while it runs: the loop alone would let a task go whose askers have all left.
            self._running, self._next = self._next, None
            return await self._check()

    async def _check(self) -> ConservationReport:
        violations = await self._violations(OF_ACCOUNTS, {"accounts": ACCOUNTS})
        alone = [*ALONE, *([self._packed] if await self._has_tasks() else [])]
        for rule in alone:
            violations += await self._violations([rule])
        async with self._snapshot() as connection:
            sums = (await connection.execute(text(SUMS))).mappings().one()
            by_status = await connection.execute(text(BY_STATUS))
            waiting = await connection.execute(text(NEEDS_ATTENTION), {"limit": SHOWN_PER_RULE})
            by_hand = await connection.execute(text(CLOSED_BY_HAND), {"limit": SHOWN_PER_RULE})
            return ConservationReport(
                holds=not violations,
                violations=violations,
                **sums,
                orders_by_status={row.status: row.orders for row in by_status},
                needs_attention=[_at_risk(row) for row in waiting],
                closed_by_hand=[HandClosing(**row) for row in by_hand.mappings()],
                rules=[RuleView(rule=rule.name, promise=rule.promise) for rule in (*OF_ACCOUNTS, *alone)],
            )

    async def _has_tasks(self) -> bool:
        where = {"table": "tasks", "schemas": [TASK_ORCHESTRATOR.package]}
        async with self._snapshot() as connection:
            return (await connection.execute(READABLE, where)).first() is not None

    async def _violations(self, rules: Sequence[Rule], books: Mapping[str, str] | None = None) -> list[Violation]:
        """What breaks these rules, in one statement; `books` are queries that theirs select from, by name."""
        promises = {rule.name: rule.promise for rule in rules}
        async with self._snapshot() as connection:
            rows = await connection.execute(text(statement(rules, books)))
            return [Violation(**row._asdict(), promise=promises[row.rule]) for row in rows]

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection]:
        async with self._database.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            await connection.execute(text(_ROOM_TO_ADD_UP))
            yield connection


def _at_risk(row: Row[Any]) -> OrderAtRisk:
    return OrderAtRisk(
        order_id=row.order_id,
        reason=for_customer(row.status, row.reason),
        error=for_operators(row.error, row.reason),
        money_at_risk_cents=row.money_at_risk_cents,
    )


def statement(rules: Sequence[Rule], books: Mapping[str, str] | None = None) -> str:
    """What finds the violations of these rules (rule, subject, detail); `books` are queries that theirs select from."""
    queries = {**(books or {}), **{rule.name: rule.violations for rule in rules}}
    # Materialized: below a LIMIT the planner would count on finding violations soon, and read row by row for them.
    each = ", ".join(f"{name} AS MATERIALIZED ({query})" for name, query in queries.items())
    found = (
        f"(SELECT '{rule.name}' AS rule, subject, detail FROM {rule.name} LIMIT {SHOWN_PER_RULE})"  # noqa: S608
        for rule in rules
    )
    return f"WITH {each} {' UNION ALL '.join(found)}"
