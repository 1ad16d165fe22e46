"""The heartbeats that a consumer sends itself over the broker, and how it remembers which came back.

They are kept in the database, since of several replicas any may get a heartbeat: what one of them received proves the
broker's consumer alive for all.
"""

import time
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.event import CloudEvent
from shared.events.inbox import INBOX_CURSORS

HEARTBEAT_TYPE: Final = "shop.heartbeat"
_SUBJECT: Final = "heartbeat"


def heartbeat(app_id: str) -> tuple[int, dict[str, Any]]:
    """A new heartbeat of this app: its number, and the CloudEvent. Numbers grow with time."""
    number = time.time_ns() // 1_000_000
    event = CloudEvent(
        id=f"{app_id}-{number}-{time.monotonic_ns()}",
        source=f"/{app_id}",
        type=HEARTBEAT_TYPE,
        subject=app_id,
        time=datetime.now(UTC),
        sequence=str(number),
        data={"number": number},
    )
    return number, event.model_dump(mode="json")


class Heartbeats:
    """Which heartbeats of this app have come back."""

    def __init__(self, database: AsyncEngine, app_id: str) -> None:
        self._database = database
        self._key = {"source": f"/{app_id}", "subject": _SUBJECT}

    async def came(self, number: int) -> None:
        """Remember that the heartbeat of this number came back."""
        came = insert(INBOX_CURSORS).values(sequence=number, **self._key)
        latest = func.greatest(INBOX_CURSORS.c.sequence, came.excluded.sequence)
        keyed = came.on_conflict_do_update(index_elements=["source", "subject"], set_={"sequence": latest})
        async with self._database.begin() as tx:
            await tx.execute(keyed)

    async def last(self) -> int:
        """The number of the latest that came back; 0 if none ever did."""
        is_ours = [INBOX_CURSORS.c[name] == value for name, value in self._key.items()]
        async with self._database.connect() as connection:
            return (await connection.execute(select(INBOX_CURSORS.c.sequence).where(*is_ours))).scalar() or 0
