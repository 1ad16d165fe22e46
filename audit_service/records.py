"""Appends audit records and reads them."""

import asyncio
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from audit_service.chain import Head, Record, Verdict, Verifier
from audit_service.tables import AUDIT_HEAD, AUDIT_RECORDS

PAGE: Final = 500

_BEFORE_ALL: Final = -(2**63)
"""Whoever inserts a record may give it any number."""

_ONE_AT_A_TIME: Final = text("SELECT pg_advisory_xact_lock(hashtext('audit_records'))")
_NOW: Final = text("SELECT clock_timestamp()")


async def append(tx: AsyncConnection, *, key: str, kind: str, subject: str, content: dict[str, Any]) -> Record:
    """Append one record in the caller's transaction; a repeat of the key gets the first record back.

    Appends wait for one another until their transactions end, so append last.

    Raises:
        ValueError: the database gives another content back (a float's text may change), which nobody could verify.
    """
    await tx.execute(_ONE_AT_A_TIME)
    first = await _of_key(tx, key)
    if first is not None:
        return first
    head = await _head(tx)
    if head is None:
        raise LookupError("the head of the audit chain was removed: see `shop audit verify`")
    at: datetime = (await tx.execute(_NOW)).scalar_one()
    draft = Record(head.number + 1, key, kind, subject, content, at, head.hash, "")
    row = await tx.execute(
        insert(AUDIT_RECORDS)
        .values(
            number=draft.number,
            key=key,
            kind=kind,
            subject=subject,
            content=content,
            at=at,
            previous_hash=draft.previous_hash,
            hash=draft.true_hash,
        )
        .returning(AUDIT_RECORDS)
    )
    record = _record(row.one())
    if record.true_hash != record.hash:
        raise ValueError(f"the content of {key} doesn't come back as it was written: use no floats in it")
    return record


class AuditTrail:
    """The records, for whoever reads or checks them."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def after(self, number: int, limit: int = PAGE, *, subject: str | None = None) -> list[Record]:
        """The records after this number, oldest first; of one subject (a task, an order), or of all."""
        async with self._database.connect() as connection:
            return await _page(connection, number, limit, subject)

    async def of_key(self, key: str) -> Record | None:
        """The record of this key."""
        async with self._database.connect() as connection:
            return await _of_key(connection, key)

    async def head(self) -> Head | None:
        """The newest record, as the database keeps it; None if somebody removed it."""
        async with self._database.connect() as connection:
            return await _head(connection)

    async def verify(self, anchor: Head | None = None) -> Verdict:
        """Compute the whole chain again.

        It is the chain as it stands now: what is appended meanwhile is the next verdict's. Pages are read one by one,
        since records don't change, and are hashed beside the event loop, so that the service goes on answering.

        `anchor`: a head that was noted down earlier, outside the database. Only with it is a chain found out that
        somebody with all rights has written anew, together with its head.
        """
        verifier = Verifier(anchor)
        stored, count, newest = await self._extent()
        last = _BEFORE_ALL
        while records := await self._page(last, newest):
            broken = await asyncio.to_thread(verifier.follow, records)
            if broken is not None:
                return Verdict(verifier.head, broken)
            last = records[-1].number
        return Verdict(verifier.head, verifier.end(stored, count))

    async def _extent(self) -> tuple[Head | None, int, int]:
        """The stored head, how many records there are, and the highest number among them, all of one moment."""
        extent = select(func.count(), func.coalesce(func.max(AUDIT_RECORDS.c.number), _BEFORE_ALL))
        async with self._database.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            stored = await _head(connection)
            count, newest = (await connection.execute(extent)).one()
            return stored, count, newest

    async def _page(self, number: int, newest: int) -> list[Record]:
        async with self._database.connect() as connection:
            return await _page(connection, number, PAGE, newest=newest)


async def _page(
    connection: AsyncConnection, number: int, limit: int, subject: str | None = None, *, newest: int | None = None
) -> list[Record]:
    wanted = select(AUDIT_RECORDS).where(AUDIT_RECORDS.c.number > number).order_by(AUDIT_RECORDS.c.number).limit(limit)
    if newest is not None:
        wanted = wanted.where(AUDIT_RECORDS.c.number <= newest)
    if subject is not None:
        wanted = wanted.where(AUDIT_RECORDS.c.subject == subject)
    return [_record(row) for row in await connection.execute(wanted)]


async def _of_key(connection: AsyncConnection, key: str) -> Record | None:
    row = (await connection.execute(select(AUDIT_RECORDS).where(AUDIT_RECORDS.c.key == key))).one_or_none()
    return None if row is None else _record(row)


async def _head(connection: AsyncConnection) -> Head | None:
    row = (await connection.execute(select(AUDIT_HEAD))).one_or_none()
    return None if row is None else Head(row.number, row.hash)


def _record(row: Row[Any]) -> Record:
    return Record(**row._mapping)  # noqa: SLF001 - the public way to a row's names
