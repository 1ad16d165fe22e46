"""The audit trail can only grow, each fact is in it once, and every way to tamper with it is found."""

import asyncio
import threading
from collections.abc import Iterable

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError

from audit_service import records
from audit_service.chain import WHAT_TO_DO, Broken, Head, Record, Verifier
from audit_service.records import PAGE, AuditTrail, append
from audit_service.schema import RIGHTS
from audit_service.tables import METADATA
from tests.integration.audit.world import Trail
from tests.integration.schema import differences

MOVED = "UPDATE audit_records SET number = number + 1000 WHERE number IN (2, 3)"
SWAPPED = "UPDATE audit_records SET number = 1005 - number WHERE number > 1000"
COPIED = """
    INSERT INTO audit_records
    SELECT number + 1, 'forged', kind, subject, content, at, {previous}, hash FROM audit_records WHERE number = 5
"""
NUMBERED = """
    INSERT INTO audit_records
    SELECT {number}, 'forged', kind, subject, content, at, previous_hash, hash FROM audit_records WHERE number = 5
"""
TAMPERINGS = {
    "content": (["UPDATE audit_records SET content = '{}' WHERE number = 3"], 3, "changed"),
    "time": (["UPDATE audit_records SET at = at + interval '1 us' WHERE number = 1"], 1, "changed"),
    "key": (["UPDATE audit_records SET key = 'task-9' WHERE number = 5"], 5, "changed"),
    "first": (["DELETE FROM audit_records WHERE number = 1"], 1, "removed: record 2"),
    "middle": (["DELETE FROM audit_records WHERE number IN (2, 3)"], 2, "removed: record 4"),
    "end": (["DELETE FROM audit_records WHERE number > 3"], 4, "removed at the end: records 4 to 5"),
    "all": (["DELETE FROM audit_records"], 1, "removed at the end: records 1 to 5"),
    "reordered": ([MOVED, SWAPPED], 2, "changed"),
    "closed up": (
        ["DELETE FROM audit_records WHERE number = 2", "UPDATE audit_records SET number = number - 1 WHERE number > 2"],
        2,
        "changed",
    ),
    "inserted": ([COPIED.format(previous="hash")], 6, "changed"),
    "inserted before all": (
        ["ALTER TABLE audit_records DROP CONSTRAINT numbers_count_from_one", NUMBERED.format(number=-7)],
        -7,
        "inserted",
    ),
    "numbered twice": (
        ["ALTER TABLE audit_records DROP CONSTRAINT audit_records_pkey", NUMBERED.format(number=2)],
        2,
        "inserted",
    ),
    "head": (["DELETE FROM audit_head"], 5, "the head of the chain was removed"),
    "head back": (["UPDATE audit_head SET number = 3"], 4, "inserted past the stored head"),
    "head rewritten": (["UPDATE audit_head SET hash = repeat('0', 64)"], 5, "rewritten: it has the hash"),
}


async def test_the_tables_are_as_described(trail: Trail) -> None:
    url = trail.owner.url.set(drivername="postgresql").render_as_string(hide_password=False)

    assert await differences(url, METADATA) == []


async def test_a_repeat_appends_nothing(trail: Trail) -> None:
    """Also ten at once, and also when a repeat says something else."""
    first, *others = await asyncio.gather(*(trail.append("task-1", action=f"say-{number}") for number in range(10)))

    assert others == [first] * 9
    assert await AuditTrail(trail.writer).after(0) == [first]


async def test_appends_at_once_make_one_chain(trail: Trail) -> None:
    await asyncio.gather(*(trail.append(f"task-{number}") for number in range(40)))

    chain = await AuditTrail(trail.writer).after(0)
    assert [record.number for record in chain] == list(range(1, 41))
    assert await trail.verify() is None


async def test_a_rolled_back_append_leaves_no_gap(trail: Trail) -> None:
    """Its number and its place in the chain go to the next record."""
    await trail.filled(2)
    async with trail.writer.connect() as connection:
        lost = await append(connection, key="lost", kind="compliance", subject="lost", content={"action": "x"})
        await connection.rollback()

    third = await trail.append("task-3")

    assert (third.number, third.previous_hash) == (lost.number, lost.previous_hash)
    assert [record.key for record in await AuditTrail(trail.writer).after(0)] == ["task-1", "task-2", "task-3"]
    assert await trail.verify() is None


@pytest.mark.parametrize("table", ["audit_records", "audit_head"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} DISABLE TRIGGER ALL", "DROP TABLE {}"],
)
async def test_the_service_can_only_append(trail: Trail, table: str, statement: str) -> None:
    await trail.filled(2)

    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        async with trail.writer.begin() as tx:
            await tx.execute(text(statement.format(table)))
    assert await trail.verify() is None


@pytest.mark.parametrize("role", ["owner", "superuser"])
@pytest.mark.parametrize("table", ["audit_records", "audit_head"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET hash = ''", "DELETE FROM {}", "TRUNCATE {}"])
async def test_nobody_changes_a_record_by_an_ordinary_statement(
    trail: Trail, role: str, table: str, statement: str
) -> None:
    """Nor the head, which could hide that records were removed: somebody has to disable triggers first."""
    await trail.filled(2)

    with pytest.raises(DBAPIError, match=r"never changed or removed|only moves on"):
        async with getattr(trail, role).begin() as tx:
            await tx.execute(text(statement.format(f"audit_service.{table}")))


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO audit_head VALUES (7, '')", "INSERT INTO alembic_version VALUES ('9')", "CREATE TABLE mine ()"],
)
async def test_the_service_writes_nothing_but_records(trail: Trail, statement: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with trail.writer.begin() as tx:
            await tx.execute(text(statement))


async def test_the_service_may_do_to_each_table_what_is_written_down(trail: Trail) -> None:
    """The rights are those of `audit_service.schema`, and the owner is somebody else."""
    rights = """
        SELECT table_name, string_agg(privilege_type, ', ' ORDER BY privilege_type DESC)
        FROM information_schema.role_table_grants WHERE grantee = current_user GROUP BY table_name
    """
    async with trail.writer.connect() as connection:
        found = {name: set(given.split(", ")) for name, given in await connection.execute(text(rights))}

    assert found == {table: set(given.split(", ")) for table, given in RIGHTS.items()}


async def test_a_content_that_comes_back_otherwise_is_not_appended(trail: Trail) -> None:
    """Nobody could verify it."""
    with pytest.raises(ValueError, match="use no floats"):
        async with trail.writer.begin() as tx:
            await append(tx, key="k", kind="compliance", subject="s", content={"amount": 1e20})

    assert await AuditTrail(trail.writer).after(0) == []


async def test_a_record_that_is_not_the_next_is_turned_away(trail: Trail) -> None:
    """The service's own role can't fork the chain."""
    await trail.filled(2)

    with pytest.raises(DBAPIError, match="not the next one"):
        async with trail.writer.begin() as tx:
            await tx.execute(text("INSERT INTO audit_records VALUES (9, 'k', 'k', 's', '{}', now(), 'x', 'y')"))


@pytest.mark.parametrize("name", TAMPERINGS)
async def test_tampering_is_found(trail: Trail, name: str) -> None:
    """By somebody with all rights, past the triggers; the first broken record is named."""
    statements, number, what = TAMPERINGS[name]
    await trail.filled(5)
    await trail.tamper(*statements)

    broken = await trail.verify()

    assert broken is not None
    assert (broken.number, broken.what[: len(what)]) == (number, what)
    assert broken.what_to_do == WHAT_TO_DO


async def test_records_that_come_meanwhile_are_the_next_verdict_s(trail: Trail) -> None:
    """The chain is read page by page, in transactions of their own, up to where it stood at first."""
    await trail.filled(PAGE + 1)
    transactions: list[Connection] = []
    event.listen(trail.owner.sync_engine, "begin", transactions.append)

    verifying = asyncio.create_task(AuditTrail(trail.owner).verify())
    await asyncio.gather(*(trail.append(f"meanwhile-{number}") for number in range(20)))

    verdict = await verifying
    assert verdict.broken is None
    assert PAGE + 1 <= verdict.head.number <= PAGE + 21
    # Where it stands, two pages, and that there is none after them.
    assert 4 == len(transactions)
    later = await AuditTrail(trail.owner).verify(verdict.head)
    assert (later.head.number, later.broken) == (PAGE + 21, None)


async def test_the_service_goes_on_while_it_verifies(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes are computed in another thread than the event loop's."""
    await trail.filled(1)
    (record,) = await AuditTrail(trail.writer).after(0)
    hashing: set[int] = set()

    class Watched(Verifier):
        def follow(self, page: Iterable[Record]) -> Broken | None:
            hashing.add(threading.get_ident())
            return super().follow(page)

    monkeypatch.setattr(records, "Verifier", Watched)

    verdict = await AuditTrail(trail.writer).verify()

    assert verdict.head == Head(1, record.hash)
    assert hashing
    assert threading.get_ident() not in hashing


async def test_a_forged_end_is_found_by_the_head_noted_outside(trail: Trail) -> None:
    """The end and the stored head were removed together: only the noted head knows."""
    await trail.filled(5)
    noted = await AuditTrail(trail.writer).head()
    fourth = (await AuditTrail(trail.writer).after(3))[0]
    await trail.tamper(
        "DELETE FROM audit_records WHERE number = 5", f"UPDATE audit_head SET number = 4, hash = '{fourth.hash}'"
    )

    assert await trail.verify() is None
    assert await trail.verify(noted) == Broken(5, "removed at the end: records 5 to 5, by the given head")
    rewritten = await trail.verify(Head(4, "0" * 64))
    assert rewritten is not None
    assert (rewritten.number, rewritten.what[:9]) == (4, "rewritten")
