"""Poison is found by the deaths of real processes, and its quarantine is of all processes of one app."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.database import create_engine
from shared.participant.errors import QuarantinedError
from shared.participant.in_flight import InFlight, Mark, Work
from shared.participant.quarantine import DEATHS, Gate, Quarantine
from tests.integration.conftest import PROJECT
from tests.integration.fence.poisoned import POISON

POISONOUS: Final = Work.of(POISON, "a_step", "an_activity")
KILLED: Final = -9


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, application_name="tests", pool_size=2)
    yield engine
    await engine.dispose()


async def lived(database_url: str, folder: Path, *names: str) -> tuple[int, list[str]]:
    """How a process with this work ended, and what it said until then."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.fence.poisoned", database_url, str(folder), *names),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    lines = said.decode().splitlines()
    return await process.wait(), [line for line in lines if " done" in line or " quarantined" in line]


async def deaths(database: AsyncEngine) -> dict[str, int]:
    async with database.connect() as connection:
        rows = await connection.execute(text("SELECT saga_id, deaths FROM quarantine"))
        return {row.saga_id: row.deaths for row in rows}


async def test_only_deaths_of_who_ran_alone_count(database_url: str, database: AsyncEngine, tmp_path: Path) -> None:
    """Of the first nobody can tell whose doing it was. The healthy come to their end, and the third is the last."""
    assert await lived(database_url, tmp_path, POISON, "healthy") == (KILLED, [])
    assert await deaths(database) == {}

    for count in range(DEATHS):
        code, said = await lived(database_url, tmp_path, POISON, "healthy", f"new-{count}")
        assert code == KILLED
        # Of two suspects that have caused no death either may come first; who has caused one comes after all others.
        assert {"healthy done", f"new-{count} done"} <= {*said} or count == 0

    code, said = await lived(database_url, tmp_path, POISON, "healthy")
    assert (code, len(said)) == (0, 2)
    assert any("poison quarantined" in line and "shop repair release poison a_step" in line for line in said)
    assert await deaths(database) == {POISON: DEATHS}


async def test_another_process_of_the_app_does_not_die_of_it(
    database_url: str, database: AsyncEngine, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        await tx.execute(text(f"INSERT INTO quarantine VALUES ('{POISON}', 'a_step', 'an_activity', {DEATHS})"))

    code, [line] = await lived(database_url, tmp_path, POISON)

    assert (code, "poison quarantined" in line) == (0, True)


async def test_what_is_released_runs_again_everywhere(database: AsyncEngine) -> None:
    gate, another_gate = Gate(), Gate()
    here, there = Quarantine(gate, database), Quarantine(another_gate, database)
    async with database.begin() as tx:
        await tx.execute(text(f"INSERT INTO quarantine VALUES ('{POISON}', 'a_step', 'an_activity', {DEATHS})"))
    await here.refresh()
    [known] = await there.refresh()
    assert (known.work, known.deaths) == (POISONOUS, DEATHS)
    with pytest.raises(QuarantinedError):
        async with another_gate.passed(POISONOUS):
            pytest.fail("it ran")

    assert await here.release(POISON, "another_step") == []
    [released] = await here.release(POISON, "an_activity")

    assert released.work == POISONOUS
    assert await deaths(database) == {}
    async with gate.passed(POISONOUS):
        pass
    assert await there.refresh() == []
    async with another_gate.passed(POISONOUS):
        pass


async def test_a_death_that_was_not_followed_by_others_is_forgotten(database: AsyncEngine, tmp_path: Path) -> None:
    async with database.begin() as tx:
        await tx.execute(
            text(
                "INSERT INTO quarantine VALUES ('new', 's', 'a', 2, now()), "
                "('old', 's', 'a', 2, now() - interval '2 days'), "
                f"('poison', 's', 'a', {DEATHS}, now() - interval '2 years')"
            )
        )

    await Quarantine(Gate(), database).begin(tmp_path, "app")

    assert await deaths(database) == {"new": 2, "poison": DEATHS}


async def test_a_folder_that_cannot_be_written_to_is_waited_for(
    database: AsyncEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, say: nothing begins before the poison is known, and the service needs no restart."""
    monkeypatch.setattr("shared.participant.quarantine.BEGIN_SECONDS", 0.05)
    (tmp_path / "calls").write_text("in the way")
    gate = Gate()
    gate.shut()
    running = asyncio.create_task(Quarantine(gate, database).run(tmp_path / "calls", "app"))
    waiting = asyncio.create_task(gate.passed(POISONOUS).__aenter__())
    await asyncio.sleep(0.2)
    assert not waiting.done()

    (tmp_path / "calls").unlink()

    await asyncio.wait_for(waiting, 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_two_deliveries_of_one_call_are_one_suspect(database: AsyncEngine, tmp_path: Path) -> None:
    """And leave no mark behind that nobody would ever take away."""
    died = InFlight.open(tmp_path, "app")
    assert None not in {died.write(POISONOUS, Mark.RUNNING), died.write(POISONOUS, Mark.RUNNING)}
    died.close()

    gate = Gate()
    quarantine = Quarantine(gate, database)
    await quarantine.begin(tmp_path, "app")
    async with gate.passed(POISONOUS):
        pass

    in_flight = quarantine._in_flight  # noqa: SLF001 - the process holds the file
    assert in_flight is not None
    assert in_flight.leftovers() == []
