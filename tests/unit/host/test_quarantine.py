"""The gate: everything at once, each suspect alone, poison never."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from shared.participant.errors import QuarantinedError
from shared.participant.in_flight import SLOTS, InFlight, Mark, Work
from shared.participant.quarantine import (
    ALONE_SECONDS,
    EMPTYING_SECONDS,
    LONGEST_ALONE_SECONDS,
    PAUSE_SECONDS,
    Gate,
    Poison,
)
from tests.waiting import eventually

pytestmark = pytest.mark.unit

SUSPECT: Final = Work.of("ord-1", "process_payment", "process_payment")
HEALTHY: Final = Work.of("ord-2", "process_payment", "process_payment")
ANOTHER: Final = Work.of("ord-3", "process_payment", "process_payment")


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Running:
    """Work at the gate, which goes on until it is told to end."""

    def __init__(self, gate: Gate, work: Work) -> None:
        self.begun = asyncio.Event()
        self._may_end = asyncio.Event()
        self._task = asyncio.create_task(self._run(gate, work))

    async def _run(self, gate: Gate, work: Work) -> None:
        async with gate.passed(work):
            self.begun.set()
            await self._may_end.wait()

    async def end(self) -> None:
        self._may_end.set()
        await self._task

    async def begins(self) -> None:
        await asyncio.wait_for(self.begun.wait(), 10)


@pytest.fixture
def in_flight(tmp_path: Path) -> Iterator[InFlight]:
    marks = InFlight.open(tmp_path / "calls", "payment-service")
    yield marks
    marks.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(in_flight: InFlight, clock: Clock) -> Gate:
    return Gate(in_flight, clock)


def marks(in_flight: InFlight) -> dict[Work, Mark]:
    """What the process after this one would find."""
    return {one.work: one.mark for one in in_flight.leftovers()}


async def turned_away(gate: Gate, work: Work) -> None:
    """It doesn't begin, however often it asks."""
    running = Running(gate, work)
    for _ in range(5):
        await asyncio.sleep(0.01)
        assert not running.begun.is_set()
    running._task.cancel()  # noqa: SLF001 - of this module
    await asyncio.gather(running._task, return_exceptions=True)  # noqa: SLF001


async def test_healthy_work_runs_side_by_side_and_is_noted_while_it_runs(gate: Gate, in_flight: InFlight) -> None:
    first, second = Running(gate, HEALTHY), Running(gate, ANOTHER)
    await first.begins()
    await second.begins()

    assert marks(in_flight) == {HEALTHY: Mark.RUNNING, ANOTHER: Mark.RUNNING}
    await first.end()
    await second.end()
    assert marks(in_flight) == {}


async def test_work_that_fails_is_noted_no_longer(gate: Gate, in_flight: InFlight) -> None:
    with pytest.raises(ValueError, match="as planned"):
        async with gate.passed(HEALTHY):
            raise ValueError("as planned")
    assert marks(in_flight) == {}


async def test_more_work_than_there_are_slots_runs_all_the_same(gate: Gate, in_flight: InFlight) -> None:
    async with AsyncExitStack() as all_at_once:
        for number in range(SLOTS + 5):
            await all_at_once.enter_async_context(gate.passed(Work.of(f"ord-{number}", "a", "a")))
        assert len(marks(in_flight)) == SLOTS
    assert marks(in_flight) == {}


async def test_a_suspect_runs_alone_and_is_none_any_more_once_it_has_ended(gate: Gate, in_flight: InFlight) -> None:
    gate.suspect(SUSPECT)
    healthy = Running(gate, HEALTHY)
    await healthy.begins()
    suspect = Running(gate, SUSPECT)
    await asyncio.sleep(0.05)
    assert not suspect.begun.is_set(), "it isn't alone"
    await turned_away(gate, ANOTHER)

    await healthy.end()
    await suspect.begins()
    assert marks(in_flight) == {SUSPECT: Mark.ALONE}
    await turned_away(gate, HEALTHY)

    await suspect.end()
    async with gate.passed(HEALTHY), gate.passed(SUSPECT):
        assert marks(in_flight)[SUSPECT] == Mark.RUNNING


async def test_the_others_wait_for_a_suspect_for_a_bounded_time(gate: Gate, in_flight: InFlight, clock: Clock) -> None:
    """After it a death is no longer the suspect's alone."""
    gate.suspect(SUSPECT)
    suspect = Running(gate, SUSPECT)
    await suspect.begins()
    await turned_away(gate, HEALTHY)

    clock.now += ALONE_SECONDS
    async with gate.passed(HEALTHY):
        assert marks(in_flight) == {SUSPECT: Mark.RUNNING, HEALTHY: Mark.RUNNING}
    await suspect.end()


@pytest.mark.parametrize(
    ("rounds", "seconds"), [(0, ALONE_SECONDS), (1, 2 * ALONE_SECONDS), (9, LONGEST_ALONE_SECONDS)]
)
async def test_who_died_slowly_has_longer_the_next_time(gate: Gate, clock: Clock, rounds: int, seconds: float) -> None:
    gate.suspect(SUSPECT, rounds=rounds)
    suspect = Running(gate, SUSPECT)
    await suspect.begins()

    clock.now += seconds - 0.1
    await turned_away(gate, HEALTHY)
    clock.now += 0.1
    async with gate.passed(HEALTHY):
        pass
    await suspect.end()


async def test_nobody_waits_long_for_a_suspect_that_cannot_be_alone(gate: Gate, clock: Clock) -> None:
    """Something that runs for long keeps it from being alone; the others go on."""
    gate.suspect(SUSPECT)
    long_one = Running(gate, ANOTHER)
    await long_one.begins()
    suspect = Running(gate, SUSPECT)
    await asyncio.sleep(0.05)
    await turned_away(gate, HEALTHY)

    clock.now += EMPTYING_SECONDS
    async with asyncio.timeout(10), gate.passed(HEALTHY):
        assert not suspect.begun.is_set()
    await long_one.end()
    clock.now += 60
    await suspect.begins()
    await suspect.end()


async def test_who_has_killed_waits_for_the_others_that_wait_for_the_process(gate: Gate, clock: Clock) -> None:
    gate.suspect(SUSPECT, deaths=2)
    await turned_away(gate, SUSPECT)
    async with gate.passed(HEALTHY):
        pass

    clock.now += 2 * PAUSE_SECONDS
    async with asyncio.timeout(10), gate.passed(SUSPECT):
        pass


async def test_poison_is_turned_away_at_once_until_it_is_released(gate: Gate, in_flight: InFlight) -> None:
    gate.quarantine([Poison(SUSPECT, 3, datetime.now(UTC))])
    with pytest.raises(QuarantinedError, match="shop repair release ord-1 process_payment"):
        async with gate.passed(SUSPECT):
            pytest.fail("it ran")
    with pytest.raises(QuarantinedError), gate.passed_blocking(SUSPECT):
        pytest.fail("it ran")
    async with gate.passed(Work.of("ord-1", "process_payment", "refund_payment")), gate.passed(HEALTHY):
        pass

    gate.quarantine([])
    released = Running(gate, SUSPECT)
    await released.begins()
    assert marks(in_flight) == {SUSPECT: Mark.ALONE}, "it has been released, not acquitted"
    await released.end()


async def test_a_thread_waits_as_a_loop_does(gate: Gate) -> None:
    """A workflow's turn runs in a thread."""
    gate.suspect(SUSPECT)
    suspect = Running(gate, SUSPECT)
    await suspect.begins()
    turned = asyncio.Event()
    loop = asyncio.get_running_loop()

    def turn() -> None:
        with gate.passed_blocking(HEALTHY):
            loop.call_soon_threadsafe(turned.set)

    thread = loop.run_in_executor(None, turn)
    await asyncio.sleep(0.05)
    assert not turned.is_set()
    await suspect.end()
    await eventually(turned.is_set)
    await thread


def test_names_that_are_too_long_are_cut_alike(in_flight: InFlight) -> None:
    """Also such as fill a slot with characters of four bytes, or bring the slot's own separator along."""
    work = Work.of("😀" * 999, "\x1f" * 9, "x" * 999)
    slot = in_flight.write(work, Mark.RUNNING)
    assert slot is not None

    assert marks(in_flight) == {Work.of("😀" * 998, "\x1f" * 9, "x" * 998): Mark.RUNNING}


def test_a_second_process_has_marks_of_its_own(tmp_path: Path) -> None:
    first, second = InFlight.open(tmp_path, "payment-service"), InFlight.open(tmp_path, "payment-service")
    first.write(SUSPECT, Mark.RUNNING)

    assert marks(second) == {}
    first.close()
    third = InFlight.open(tmp_path, "payment-service")
    assert marks(third) == {SUSPECT: Mark.RUNNING}
    second.close()
    third.close()


def test_what_was_running_long_ago_is_no_suspect(in_flight: InFlight, monkeypatch: pytest.MonkeyPatch) -> None:
    in_flight.write(SUSPECT, Mark.RUNNING)
    monkeypatch.setattr("shared.participant.in_flight.REMEMBERED_SECONDS", -1.0)

    assert marks(in_flight) == {}


async def test_nothing_begins_before_it_is_known_what_is_poison(gate: Gate) -> None:
    gate.shut()
    await turned_away(gate, HEALTHY)

    gate.open()
    async with asyncio.timeout(10), gate.passed(HEALTHY):
        pass


async def test_what_another_process_found_out_while_it_runs_here_leaves_its_slot_once(
    gate: Gate, in_flight: InFlight
) -> None:
    gate.suspect(SUSPECT)
    suspect = Running(gate, SUSPECT)
    await suspect.begins()

    gate.quarantine([Poison(SUSPECT, 3, datetime.now(UTC))])
    assert marks(in_flight) == {SUSPECT: Mark.ALONE}
    await suspect.end()

    async with gate.passed(HEALTHY), gate.passed(ANOTHER):
        assert marks(in_flight) == {HEALTHY: Mark.RUNNING, ANOTHER: Mark.RUNNING}
