"""The fence on a real Postgres: at most one effect per step, none after its undo, the first answer for good."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.inventory import StockReleased, StockReserved
from tests.integration.fence.world import KEY, OutageError, Participant
from tests.integration.turns import are_waiting, in_turn
from tests.waiting import eventually


async def test_repeat_returns_the_first_answer(participant: Participant) -> None:
    first = await participant.do()

    assert [first] * 3 == [await participant.do() for _ in range(3)]
    assert await participant.effects() == [1]


async def test_twenty_parallel_duplicates_have_one_effect(participant: Participant) -> None:
    answers = await asyncio.gather(*(participant.do() for _ in range(20)))

    assert len(set(answers)) == 1
    assert await participant.effects() == [1]


async def test_steps_and_sagas_are_apart(participant: Participant) -> None:
    """The key is both: another step of the saga and the same step of another saga take effect of their own."""
    await participant.do(StepKey("order-1", "reserve_stock"))
    await participant.do(StepKey("order-1", "process_payment"))
    await participant.do(StepKey("order-2", "reserve_stock"))

    assert await participant.effects(StepKey("order-1", "any")) == [1, 1]
    assert await participant.effects(StepKey("order-2", "any")) == [1]


async def test_outage_leaves_no_trace_and_the_next_attempt_does_it(participant: Participant) -> None:
    with pytest.raises(OutageError):
        await participant.do(then=OutageError())
    assert await participant.state() is None
    assert await participant.effects() == []

    await participant.do()

    assert await participant.effects() == [1]


async def test_lost_connection_in_mid_effect_leaves_no_trace(participant: Participant) -> None:
    """The server's end of the connection dies between effect and commit."""

    async def effect(tx: AsyncConnection) -> StockReserved:
        await tx.execute(text("INSERT INTO effects (saga_id, amount) VALUES ('order-1', 1)"))
        await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        return StockReserved(reservation_id="never")

    with pytest.raises(DBAPIError):
        await participant.fence.do(KEY, StockReserved, effect)
    assert await participant.effects() == []

    await participant.do()

    assert await participant.effects() == [1]


async def test_refusal_changes_nothing_and_is_remembered(participant: Participant) -> None:
    """What was refused once stays refused with the first reason, though it could be done now."""
    with pytest.raises(Refused, match="out of stock"):
        await participant.do(then=Refused("out of stock"))

    with pytest.raises(Refused, match="out of stock"):
        await participant.do()
    with pytest.raises(Refused, match="out of stock"):
        await participant.do(then=Refused("another reason"))
    assert await participant.state() == "refused"
    assert await participant.effects() == []


async def test_refusal_of_what_is_done_returns_the_first_answer(participant: Participant) -> None:
    """Of two duplicates one may be done and the other refused: both say what happened."""
    done = await participant.do()

    assert done == await participant.fence.refuse(KEY, StockReserved, "too late to refuse")
    assert await participant.state() == "done"


async def test_parallel_refusals_and_dos_agree(participant: Participant) -> None:
    """Duplicates of which some would refuse all end the same way."""
    for number in range(20):
        key = StepKey(f"order-{number}", "reserve_stock")
        reasons = [None, Refused("no"), None, Refused("no")]

        answers = await asyncio.gather(*(participant.do(key, then=why) for why in reasons), return_exceptions=True)

        done = await participant.state(key) == "done"
        assert done == any(isinstance(answer, StockReserved) for answer in answers)
        assert ([1] if done else []) == await participant.effects(key)
        assert len({type(answer) for answer in answers}) == 1


async def test_undo_takes_the_effect_back_once(participant: Participant) -> None:
    await participant.do()

    assert [StockReleased(released_units=1)] * 3 == [await participant.undo() for _ in range(3)]
    assert await participant.effects() == [1, -1]


async def test_twenty_parallel_undos_take_it_back_once(participant: Participant) -> None:
    await participant.do()

    answers = await asyncio.gather(*(participant.undo() for _ in range(20)))

    assert {StockReleased(released_units=1)} == set(answers)
    assert await participant.effects() == [1, -1]


async def test_undo_that_fails_can_be_repeated(participant: Participant) -> None:
    await participant.do()
    with pytest.raises(OutageError):
        await participant.undo(then=OutageError())
    assert await participant.state() == "done"

    await participant.undo()

    assert await participant.effects() == [1, -1]


async def test_undo_before_do_leaves_a_tombstone(participant: Participant) -> None:
    """A do that arrives after its undo is refused, and says why."""
    assert StockReleased(released_units=0) == await participant.undo()

    with pytest.raises(Refused, match="it was undone before it arrived"):
        await participant.do()
    assert await participant.effects() == []
    assert StockReleased(released_units=0) == await participant.undo()


async def test_do_after_do_and_undo_is_refused(participant: Participant) -> None:
    await participant.do()
    await participant.undo()

    with pytest.raises(Refused, match="it was undone"):
        await participant.do()
    assert await participant.effects() == [1, -1]


async def test_undo_of_a_refused_step_finds_nothing(participant: Participant) -> None:
    with pytest.raises(Refused):
        await participant.do(then=Refused("no"))

    assert StockReleased(released_units=0) == await participant.undo()
    assert await participant.effects() == []


async def test_undo_that_races_its_do_never_leaks(participant: Participant) -> None:
    """Whoever comes first, once both have ended nothing is left; duplicates of both don't change that."""
    for number in range(60):
        key = StepKey(f"order-{number}", "reserve_stock")
        calls = [participant.do(key), participant.undo(key), participant.do(key), participant.undo(key)]

        answers = await asyncio.gather(*calls[number % 4 :], *calls[: number % 4], return_exceptions=True)

        assert sum(await participant.effects(key)) == 0
        assert await participant.state(key) == "undone"
        assert all(isinstance(answer, StockReserved | StockReleased | Refused) for answer in answers)


@pytest.mark.parametrize("do_first", [True, False])
async def test_a_do_and_an_undo_of_one_step_take_its_row_in_turn(participant: Participant, *, do_first: bool) -> None:
    """A duplicate of the do before the undo gets its first answer; one behind it is refused."""
    done = await participant.do()
    rivals = (participant.do, participant.undo) if do_first else (participant.undo, participant.do)

    answers = await in_turn(
        participant.database, f"saga_steps WHERE (saga_id, step) = ('{KEY.saga_id}', '{KEY.step}')", *rivals
    )

    if do_first:
        assert answers == [done, StockReleased(released_units=1)]
    else:
        assert answers[0] == StockReleased(released_units=1)
        assert isinstance(answers[1], Refused)
    assert await participant.effects() == [1, -1]


async def test_an_undo_behind_the_first_do_takes_it_back(participant: Participant) -> None:
    """The do has its row and not yet its effect when the undo comes."""
    async with participant.database.connect() as holder:
        await holder.execute(text("LOCK TABLE effects IN SHARE MODE"))
        do = asyncio.create_task(participant.do())
        await eventually(lambda: are_waiting(participant.database, 1), "the do waits for the table of effects")
        undo = asyncio.create_task(participant.undo())
        await eventually(lambda: are_waiting(participant.database, 2), "the undo waits for the do")
        await holder.rollback()

    await do
    assert await undo == StockReleased(released_units=1)
    assert await participant.effects() == [1, -1]


async def test_a_do_behind_the_first_undo_is_refused(participant: Participant) -> None:
    """The undo has left its tombstone and not yet committed it when the do comes."""

    async def undone(_: AsyncConnection, done: StockReserved | None) -> StockReleased:
        assert done is None
        late.append(asyncio.create_task(participant.do()))
        await eventually(lambda: are_waiting(participant.database, 1), "the do waits for the undo")
        return StockReleased(released_units=0)

    late: list[asyncio.Task[StockReserved]] = []
    await participant.fence.undo(KEY, StockReserved, StockReleased, undone)

    with pytest.raises(Refused):
        await late[0]
    assert await participant.effects() == []


async def test_every_repeat_is_counted(participant: Participant) -> None:
    """What the fence kept from taking effect again is on record: repeats of a do, of its undo, too late."""
    await participant.do()
    assert 0 == await participant.repeats()

    await asyncio.gather(*(participant.do() for _ in range(5)))
    assert 5 == await participant.repeats()

    await participant.undo()
    assert 5 == await participant.repeats()

    await participant.undo()
    with pytest.raises(Refused, match="undone before it arrived"):
        await participant.do()
    assert 7 == await participant.repeats()


async def test_a_repeated_refusal_is_counted(participant: Participant) -> None:
    """The exception that reports the repeat doesn't take back the count."""
    for _ in range(3):
        with pytest.raises(Refused, match="out of stock"):
            await participant.do(then=Refused("out of stock"))

    assert 2 == await participant.repeats()
