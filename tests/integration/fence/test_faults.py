"""`shared.participant.faults` on a real Postgres: what each mode does to the effect, and how often it strikes."""

import asyncio
import os
import signal
import sys
import time
from collections import Counter

import pytest

from shared.contracts.call import Fault, FaultMode
from shared.contracts.message import Message
from shared.participant.errors import Refused
from shared.participant.faults import FaultInjector, InjectedOutageError
from shared.participant.fence import StepKey
from shared.shop.inventory import StockReserved
from tests.integration.conftest import PROJECT
from tests.integration.fence.world import KEY, Participant

ACTIVITY = "reserve_stock"
SECONDS = 0.2


def a_fault(mode: FaultMode, *, times: int = 1, seconds: float = SECONDS) -> Fault:
    return Fault(activity=ACTIVITY, mode=mode, times=times, seconds=seconds)


async def run(participant: Participant, *plan: Fault, key: StepKey = KEY) -> Message:
    """One execution with this plan, as the activity host does it."""

    async def execute() -> Message:
        return await participant.do(key)

    async def refuse(reason: str) -> Message:
        return await participant.fence.refuse(key, StockReserved, reason)

    return await FaultInjector(participant.database).run(key, ACTIVITY, plan, execute, refuse)


async def test_without_a_plan_nothing_happens(participant: Participant) -> None:
    assert isinstance(await run(participant), StockReserved)


async def test_refuse_refuses_for_good(participant: Participant) -> None:
    """A refusal hits one attempt and yet lasts, as a real one does."""
    plan = a_fault(FaultMode.REFUSE)

    for _ in range(2):
        with pytest.raises(Refused, match="injected fault: reserve_stock refuses"):
            await run(participant, plan)
    assert await participant.effects() == []


async def test_fail_has_no_effect(participant: Participant) -> None:
    with pytest.raises(InjectedOutageError, match="out of order"):
        await run(participant, a_fault(FaultMode.FAIL))
    assert await participant.effects() == []

    await run(participant, a_fault(FaultMode.FAIL))

    assert await participant.effects() == [1]


async def test_delay_waits_before_the_effect(participant: Participant) -> None:
    started = time.monotonic()
    running = asyncio.create_task(run(participant, a_fault(FaultMode.DELAY)))
    await participant.done.wait()

    assert time.monotonic() - started >= SECONDS
    assert isinstance(await running, StockReserved)


async def test_hang_commits_and_then_waits(participant: Participant) -> None:
    """The effect is there while the answer isn't; the answer comes in the end."""
    running = asyncio.create_task(run(participant, a_fault(FaultMode.HANG, seconds=1)))
    await participant.done.wait()

    assert not running.done()
    assert isinstance(await running, StockReserved)


async def test_lose_reply_commits_and_then_fails(participant: Participant) -> None:
    with pytest.raises(InjectedOutageError, match="the reply of reserve_stock is lost"):
        await run(participant, a_fault(FaultMode.LOSE_REPLY))
    assert await participant.effects() == [1]

    await run(participant, a_fault(FaultMode.LOSE_REPLY))

    assert await participant.effects() == [1]


async def test_duplicate_runs_twice_in_parallel_with_one_effect(participant: Participant) -> None:
    assert isinstance(await run(participant, a_fault(FaultMode.DUPLICATE)), StockReserved)
    assert await participant.effects() == [1]


async def test_duplicate_is_a_refusal_if_the_step_is_refused(participant: Participant) -> None:
    await participant.undo()

    with pytest.raises(Refused, match="undone"):
        await run(participant, a_fault(FaultMode.DUPLICATE))


async def test_times_is_counted(participant: Participant) -> None:
    plan = a_fault(FaultMode.FAIL, times=3)

    outcomes = [await asyncio.gather(run(participant, plan), return_exceptions=True) for _ in range(5)]

    expected = [InjectedOutageError] * 3 + [StockReserved] * 2
    assert expected == [type(outcome) for (outcome,) in outcomes]


async def test_times_is_counted_in_parallel(participant: Participant) -> None:
    """Twenty executions at once, of which exactly seven are hit."""
    plan = a_fault(FaultMode.FAIL, times=7)

    outcomes = await asyncio.gather(*(run(participant, plan) for _ in range(20)), return_exceptions=True)

    assert {InjectedOutageError: 7, StockReserved: 13} == Counter(type(outcome) for outcome in outcomes)
    assert await participant.effects() == [1]


async def test_faults_of_a_plan_are_injected_one_after_the_other(participant: Participant) -> None:
    """The second begins when the first has no hits left."""
    plan = (a_fault(FaultMode.FAIL, times=2), a_fault(FaultMode.LOSE_REPLY), a_fault(FaultMode.DUPLICATE))
    effects = []
    for _ in range(3):
        with pytest.raises(InjectedOutageError):
            await run(participant, *plan)
        effects.append(len(await participant.effects()))

    assert effects == [0, 0, 1]
    assert isinstance(await run(participant, *plan), StockReserved)


async def test_hits_are_counted_for_each_saga(participant: Participant) -> None:
    plan = a_fault(FaultMode.FAIL)
    for saga_id in ("order-1", "order-2"):
        with pytest.raises(InjectedOutageError):
            await run(participant, plan, key=StepKey(saga_id, ACTIVITY))


@pytest.mark.parametrize(
    ("mode", "effects_after_death"), [(FaultMode.CRASH_BEFORE, []), (FaultMode.CRASH_AFTER, [1])], ids=str
)
async def test_crash_kills_the_process_and_the_next_attempt_is_done(
    database_url: str, participant: Participant, mode: FaultMode, effects_after_death: list[int]
) -> None:
    """A real process dies by SIGKILL before or after its commit; the process after it finishes the step once."""
    assert await _run_in_a_process(database_url, mode) == -signal.SIGKILL
    assert effects_after_death == await participant.effects()

    assert await _run_in_a_process(database_url, mode) == 0
    assert await participant.effects() == [1]


async def _run_in_a_process(database_url: str, mode: FaultMode) -> int:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.fence.mortal", database_url, mode, cwd=PROJECT, env=os.environ
    )
    return await process.wait()
