"""The notification-service's side of a message: what is recorded before and after it leaves.

A message lives in other people's systems, and no transaction spans both. So the fence's row says `pending` before
anything is sent, and an e-mail's row says `leaving` before its first byte goes out:

    no row ─► pending ─► leaving (e-mail) ─► sent            the fence: done
                 ▲           ├─► refused                     the server's last word
                 └───────────┤                               the server says that it didn't take it
                             └─► unknown                     no answer, or the sender died: never sent again
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from notification_service.tables import NOTIFICATIONS, Medium, Status
from shared.participant.errors import Refused
from shared.participant.fence import StepKey, StepState, StillPendingError, claim, first_answer, lock, repeated, settle
from shared.shop.notification import NotificationRecord, NotificationSent

LOCK_WAIT: Final = "25s"
"""A sender that lives is done by then."""
_LOCK_NOT_AVAILABLE: Final = "55P03"


@dataclass(frozen=True, slots=True)
class Begun:
    """A message that may be sent, or the `answer` of one that was; `written_at` is the same in every attempt."""

    written_at: datetime
    status: Status
    answer: NotificationSent | None = None


class NotificationStore:
    """Notifications and their fence; each method is one transaction."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    @asynccontextmanager
    async def alone(self, key: StepKey) -> AsyncIterator[None]:
        """Nobody else sends this step's message meanwhile. The lock ends with the process that holds it.

        So whoever gets it and finds the message `leaving` knows that its sender is dead.

        Raises:
            StillPendingError: someone is at it for longer than a sender may take.
        """
        async with self._database.begin() as tx:
            await tx.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": LOCK_WAIT})
            try:
                await tx.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": str(key)})
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                    raise StillPendingError(f"{key.step} of {key.saga_id} is still being sent") from error
                raise
            yield

    async def begin(self, key: StepKey, medium: Medium, recipient: str, subject: str | None = None) -> Begun:
        """Announce the message, or find out how far it has come.

        Raises:
            Refused: it was refused before.
        """
        async with self._database.begin() as tx:
            if await claim(tx, key, StepState.PENDING):
                values = {"saga_id": key.saga_id, "step": key.step, "medium": medium, "recipient": recipient}
                statement = insert(NOTIFICATIONS).values(**values, subject=subject, status=Status.PENDING)
                written_at = (await tx.execute(statement.returning(NOTIFICATIONS.c.created_at))).scalar_one()
                return Begun(written_at, Status.PENDING)
            row = await repeated(tx, key)
            if row.state == StepState.PENDING:
                again = update(NOTIFICATIONS).where(*_is(key)).values(attempts=NOTIFICATIONS.c.attempts + 1)
                found = (await tx.execute(again.returning(NOTIFICATIONS.c.created_at, NOTIFICATIONS.c.status))).one()
                return Begun(found.created_at, Status(found.status))
        return Begun(row.created_at, Status.SENT, first_answer(row, NotificationSent))

    async def leave(self, key: StepKey, attempt_id: str) -> None:
        """The message's bytes go out now, by this attempt and no other.

        Raises:
            StillPendingError: another attempt has it.
        """
        statement = update(NOTIFICATIONS).where(*_is(key), NOTIFICATIONS.c.status == Status.PENDING)
        statement = statement.values(status=Status.LEAVING, attempt_id=attempt_id)
        async with self._database.begin() as tx:
            if (await tx.execute(statement.returning(NOTIFICATIONS.c.step))).first() is None:
                raise StillPendingError(f"{key.step} of {key.saga_id} is being sent by another attempt")

    async def stay(self, key: StepKey, attempt_id: str, detail: str) -> None:
        """The receiver didn't take it, so that another attempt may send it."""
        statement = update(NOTIFICATIONS).where(*_is(key), NOTIFICATIONS.c.attempt_id == attempt_id)
        async with self._database.begin() as tx:
            await tx.execute(statement.values(status=Status.PENDING, attempt_id=None, detail=detail))

    async def sent(self, key: StepKey, detail: str | None = None) -> NotificationSent:
        """Record that the receiver has it.

        Raises:
            Refused: a repeat already got the answer that nobody knows; the record is corrected all the same.
        """
        answer = NotificationSent(sent=True, sent_at=datetime.now(UTC))
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state != StepState.DONE:
                await _move(tx, key, Status.SENT, detail, sent_at=answer.sent_at)
            if row.state == StepState.PENDING:
                await settle(tx, key, StepState.DONE, answer=answer.model_dump(mode="json"))
                return answer
        return first_answer(row, NotificationSent)

    async def end(self, key: StepKey, status: Status, reason: str) -> NotificationSent:
        """Record that it is refused, or that nobody knows: no attempt sends it any more.

        Returns:
            The first answer, if it was sent before.

        Raises:
            Refused: with the first reason.
        """
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state != StepState.PENDING:
                return first_answer(row, NotificationSent)
            await _move(tx, key, status, reason)
            await settle(tx, key, StepState.REFUSED, refusal=reason)
        raise Refused(reason)


async def of_saga(database: AsyncEngine, saga_id: str, limit: int) -> list[NotificationRecord]:
    """Who was notified of what in this saga, oldest first."""
    statement = select(NOTIFICATIONS).where(NOTIFICATIONS.c.saga_id == saga_id)
    async with database.connect() as connection:
        rows = await connection.execute(statement.order_by(NOTIFICATIONS.c.created_at).limit(limit))
        return [NotificationRecord.model_validate(row._asdict()) for row in rows]


async def _move(tx: AsyncConnection, key: StepKey, status: Status, detail: str | None, **values: object) -> None:
    statement = update(NOTIFICATIONS).where(*_is(key))
    await tx.execute(statement.values(status=status, attempt_id=None, detail=detail, **values))


def _is(key: StepKey) -> tuple[Any, Any]:
    return NOTIFICATIONS.c.saga_id == key.saga_id, NOTIFICATIONS.c.step == key.step
