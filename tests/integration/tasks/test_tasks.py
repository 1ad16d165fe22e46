"""The tasks' rows: claimed by one run, held by one, and given back by a failure."""

import asyncio

import pytest

from shared.participant.errors import Refused
from shared.shop.inventory import StockLine
from shared.shop.task import Lane, TaskStatus
from task_orchestrator_service.tables import METADATA
from tests.integration.schema import differences
from tests.integration.tasks.world import World


async def test_the_tables_are_those_of_the_revisions(database_url: str) -> None:
    assert await differences(database_url, METADATA) == []


async def test_one_run_owns_a_task(world: World) -> None:
    """A second run is turned away, a repeat of the first is not, and nobody claims what has ended."""
    task_id = await world.claimed()

    assert await world.tasks.claim(task_id, "run-1")
    assert not await world.tasks.claim(task_id, "run-2")
    assert not await world.tasks.claim("task-nowhere", "run-1")
    with pytest.raises(Refused, match="another run"):
        await world.assign(task_id, run_id="run-2")
    assert (await world.close(task_id, run_id="run-2")).owned is False
    assert (await world.row()).status == "in_progress"

    await world.close(task_id)
    assert not await world.tasks.claim(task_id, "run-1")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((), "no lines"),
        ((StockLine(sku="TEA", quantity=0),), "0 units of TEA can't be packed"),
        ((StockLine(sku="TEA", quantity=10_001),), "10001 units"),
        ((StockLine(sku=" ", quantity=1),), "is no SKU"),
        ((StockLine(sku="TEA", quantity=1), StockLine(sku="TEA", quantity=2)), "TEA has more than one line"),
    ],
)
async def test_what_cannot_be_packed_is_refused(world: World, lines: tuple[StockLine, ...], words: str) -> None:
    """Whoever asked for it: an event's lines have seen no HTTP body."""
    task_id = await world.claimed(lines=lines)

    with pytest.raises(Refused, match=words):
        await world.tasks.validate(task_id, "run-1")


async def test_an_order_has_one_task_at_a_time(world: World) -> None:
    """Of many at once one gets it; a failure gives it back, an end doesn't."""
    task_ids = [await world.claimed(f"task-{number}", order_id="ord-1") for number in range(8)]

    answers = await asyncio.gather(
        *(world.tasks.validate(task_id, "run-1") for task_id in task_ids), return_exceptions=True
    )

    (holder,) = [task_id for task_id, answer in zip(task_ids, answers, strict=True) if answer is None]
    assert all(f"has task {holder} already" in str(answer) for answer in answers if answer is not None)
    await world.tasks.validate(holder, "run-1")
    await world.close(holder, TaskStatus.FAILED)
    following = next(task_id for task_id in task_ids if task_id != holder)
    await world.tasks.validate(following, "run-1")
    await world.close(following)
    with pytest.raises(Refused, match=f"has task {following} already"):
        await world.tasks.validate(next(one for one in task_ids if one not in {holder, following}), "run-1")


async def test_a_late_validation_takes_no_order(world: World) -> None:
    """A duplicate that comes after the task's end holds nothing for ever."""
    task_id = await world.claimed(order_id="ord-1")
    await world.close(task_id, TaskStatus.FAILED)

    with pytest.raises(Refused, match="has ended"):
        await world.tasks.validate(task_id, "run-1")


async def test_work_is_spread_and_given_back(world: World) -> None:
    """Whoever has the fewest is next; a repeat gets the first answer; a failed task is nobody's."""
    task_ids = [await world.claimed(f"task-{number}") for number in range(6)]

    given = await asyncio.gather(*(world.assign(task_id) for task_id in task_ids))

    assert {"ann", "bob"} == {one.assignee for one in given}
    assert given == await asyncio.gather(*(world.assign(task_id) for task_id in task_ids))
    await world.close(task_ids[0], TaskStatus.FAILED)
    row = await world.row(task_ids[0])
    assert (row.status, row.reason, row.assignee, row.lane) == ("failed", "it broke", None, None)
    again = await world.claimed("task-again")
    assert (await world.assign(again)).assignee in {"ann", "bob"}


@pytest.mark.parametrize(
    ("score", "lane", "names"),
    [(0.49, Lane.STANDARD, {"ann", "bob"}), (0.5, Lane.INSPECTION, {"ivy"})],
)
async def test_a_risky_order_is_inspected(world: World, score: float, lane: Lane, names: set[str]) -> None:
    """From the team's score on an inspector has it."""
    given = await world.assign(await world.claimed(), score)

    assert (given.lane, given.assignee in names) == (lane, True)


async def test_the_first_end_stands(world: World) -> None:
    """A repeat, and whatever comes later, changes nothing."""
    task_id = await world.claimed()
    await world.close(task_id)
    before = await world.row()

    assert (await world.close(task_id, TaskStatus.FAILED)).status is TaskStatus.COMPLETED
    assert await world.row() == before
