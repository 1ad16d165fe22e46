"""Checks the rules of conservation in one consistent snapshot of all services' tables."""

from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from order_service.conservation.by_hand import CLOSED_BY_HAND
from order_service.conservation.rule import Rule
from order_service.conservation.rules import BY_STATUS, NEEDS_ATTENTION, RULES, SUMS

SHOWN_PER_RULE: Final = 100


class Auditor:
    """Reads everything, changes nothing: its role may only select."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def report(self) -> dict[str, Any]:
        """Whether conservation holds, every violation by rule, and the sums.

        The whole report comes from one REPEATABLE READ snapshot, so that it is right while orders are running.
        """
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            violations = [violation for rule in RULES for violation in await _violations(connection, rule)]
            sums = (await connection.execute(text(SUMS))).mappings().one()
            by_status = await connection.execute(text(BY_STATUS))
            waiting = await connection.execute(text(NEEDS_ATTENTION), {"limit": SHOWN_PER_RULE})
            by_hand = await connection.execute(text(CLOSED_BY_HAND), {"limit": SHOWN_PER_RULE})
            return {
                "holds": not violations,
                "violations": violations,
                **{name: int(value) for name, value in sums.items()},
                "orders_by_status": {row.status: row.orders for row in by_status},
                "needs_attention": [dict(row) for row in waiting.mappings()],
                "closed_by_hand": [dict(row) for row in by_hand.mappings()],
                "rules": [{"rule": rule.name, "promise": rule.promise} for rule in RULES],
            }

    async def close(self) -> None:
        await self._engine.dispose()


async def _violations(connection: AsyncConnection, rule: Rule) -> list[dict[str, Any]]:
    rows = await connection.execute(text(f"{rule.violations} LIMIT {SHOWN_PER_RULE}"))
    return [{"rule": rule.name, "promise": rule.promise, "subject": row.subject, "detail": row.detail} for row in rows]
