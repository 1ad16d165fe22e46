"""An audit trail for the tests: short ways to append to it, to check it and to tamper with it."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from audit_service.chain import Broken, Head, Record
from audit_service.records import AuditTrail, append


@dataclass(frozen=True, slots=True)
class Trail:
    """The engines of the role that runs the service, of the tables' owner, and of the superuser."""

    writer: AsyncEngine
    owner: AsyncEngine
    superuser: AsyncEngine

    async def append(self, key: str, action: str = "task_assigned") -> Record:
        async with self.writer.begin() as tx:
            return await append(tx, key=key, kind="compliance", subject=key, content={"action": action})

    async def filled(self, records: int) -> None:
        """Append task-1 to task-`records`."""
        for number in range(1, records + 1):
            await self.append(f"task-{number}")

    async def verify(self, anchor: Head | None = None) -> Broken | None:
        return (await AuditTrail(self.writer).verify(anchor)).broken

    async def tamper(self, *statements: str) -> None:
        """As the superuser, past every trigger."""
        async with self.superuser.begin() as tx:
            await tx.execute(text("SET LOCAL session_replication_role = replica"))
            await tx.execute(text("SET LOCAL search_path = audit_service"))
            for statement in statements:
                await tx.execute(text(statement))
