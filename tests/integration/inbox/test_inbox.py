"""The inbox on a real Postgres: an event takes effect once, in its order, or ends as a dead letter."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.consumer import Answer
from shared.events.inbox import METADATA
from shared.participant.errors import Refused
from tests.integration.inbox.world import APP, MAX_ATTEMPTS, World, an_event
from tests.integration.schema import differences

DONE, RETRY = Answer.SUCCESS, Answer.RETRY


def with_sequence(sequence: str) -> bytes:
    return an_event(1).replace(b'"sequence": "1"', f'"sequence": "{sequence}"'.encode())


async def test_the_tables_are_as_described(database_url: str) -> None:
    assert [] == await differences(database_url, METADATA)


async def test_an_event_that_comes_again_takes_effect_once(world: World) -> None:
    assert [DONE] * 3 == await world.take(*[an_event()] * 3)
    assert [1] == await world.effects()


async def test_deliveries_of_one_event_at_the_same_time_have_one_effect(world: World) -> None:
    """They meet at the event's row."""
    answers = await asyncio.gather(*(world.consumer.take(an_event()) for _ in range(20)))

    assert [DONE] * 20 == answers
    assert [1] == await world.effects()


async def test_events_of_an_order_take_effect_in_their_order(world: World) -> None:
    """A later one is sent back until all before it are settled."""
    assert [RETRY, RETRY, DONE, RETRY, DONE, DONE] == await world.take(*map(an_event, [3, 2, 1, 3, 2, 3]))
    assert [1, 2, 3] == await world.effects()


async def test_orders_do_not_wait_for_each_other(world: World) -> None:
    assert [RETRY, DONE] == await world.take(an_event(2), an_event(1, order="ord-2"))


async def test_an_unordered_consumer_takes_them_as_they_come(database: AsyncEngine) -> None:
    world = World(database, ordered=False)

    assert [DONE, DONE, DONE] == await world.take(*map(an_event, [3, 1, 1]))
    assert [3, 1] == await world.effects()


async def test_a_type_that_the_app_does_not_want_is_counted(world: World) -> None:
    """All types of a source are numbered together; one that nobody here knows yet is no gap and no poison either."""
    assert [DONE, DONE] == await world.take(an_event(1, kind="order.refunded_in_part"), an_event(2))
    assert [2] == await world.effects()


async def test_a_failed_attempt_leaves_nothing_and_is_made_again(world: World) -> None:
    world.failures["ord-1-1"] = [RuntimeError("a bug"), RuntimeError("a bug")]

    assert [RETRY, RETRY, DONE] == await world.take(*[an_event()] * 3)
    assert [1] == await world.effects()
    assert {"ord-1-1": ("done", 2)} == await world.states()


async def test_a_handler_that_always_fails_ends_in_a_dead_letter(world: World) -> None:
    """After a number of attempts that a restart doesn't forget, and with the event, the reason and the count."""
    world.always["ord-1-1"] = RuntimeError("a bug")

    assert [RETRY, RETRY, DONE] == await world.take(*[an_event()] * MAX_ATTEMPTS)

    assert [] == await world.effects()
    (letter,) = world.broker.letters
    reported = {name: letter["data"][name] for name in ("consumer", "event_id", "reason", "attempts", "topic")}
    assert {
        "consumer": APP,
        "event_id": "ord-1-1",
        "reason": "RuntimeError: a bug",
        "attempts": MAX_ATTEMPTS,
        "topic": "shop-events",
    } == reported
    assert "order.completed" == letter["data"]["event"]["type"]


async def test_a_reason_that_cannot_be_stored_is_reported_without_what_is_in_the_way(world: World) -> None:
    """Else such an event would come for ever."""
    world.always["ord-1-1"] = RuntimeError("a bug \0 \ud800")

    assert [RETRY, RETRY, DONE] == await world.take(*[an_event()] * MAX_ATTEMPTS)
    assert ["RuntimeError: a bug    "] == [letter["data"]["reason"] for letter in world.broker.letters]


async def test_a_refusal_is_dead_at_once(world: World) -> None:
    world.always["ord-1-1"] = Refused("nobody lives there")

    assert [DONE, DONE] == await world.take(*[an_event()] * 2)
    assert ["refused: nobody lives there"] == [letter["data"]["reason"] for letter in world.broker.letters]


@pytest.mark.parametrize("outage", [ConnectionRefusedError("no"), TimeoutError()])
async def test_an_outage_is_never_counted(world: World, outage: Exception) -> None:
    """However long it lasts, the event isn't lost to the dead letters."""
    world.failures["ord-1-1"] = [outage] * (2 * MAX_ATTEMPTS)

    assert [RETRY] * (2 * MAX_ATTEMPTS) + [DONE] == await world.take(*[an_event()] * (2 * MAX_ATTEMPTS + 1))
    assert [1] == await world.effects()
    assert [] == world.broker.letters


async def test_a_dead_event_holds_up_nothing(world: World) -> None:
    world.always["ord-1-1"] = Refused("no")

    assert [RETRY, DONE, DONE] == await world.take(an_event(2), an_event(1), an_event(2))
    assert [2] == await world.effects()


async def test_an_event_is_marked_dead_only_when_its_letter_is_stored(world: World) -> None:
    """While the broker doesn't take the letter, the event comes again; its letter has the same id each time."""
    world.always["ord-1-1"] = Refused("no")
    world.broker.is_away = True
    assert [RETRY, RETRY] == await world.take(an_event(1), an_event(2))

    world.broker.is_away = False

    assert [DONE, DONE] == await world.take(an_event(1), an_event(2))
    assert 1 == len(world.broker.letters)


async def test_a_crash_between_letter_and_mark_publishes_one_death(world: World, database: AsyncEngine) -> None:
    """The letter that comes again has the same id: it is one row for whoever keeps them."""
    world.always["ord-1-1"] = Refused("no")
    await world.take(an_event())
    async with database.begin() as tx:  # as if the process had died before it could dead-letter the event
        await tx.execute(text("UPDATE inbox SET state = 'open', deaths = 0, settled_at = NULL"))

    assert [DONE] == await world.take(an_event())
    assert 1 == len({letter["id"] for letter in world.broker.letters})


async def test_a_crash_between_effect_and_answer_does_not_double_it(world: World) -> None:
    """The effect is committed, the answer is lost, another process gets the event again."""
    await world.take(an_event())
    successor = World(world.database)

    assert [DONE] == await successor.take(an_event())
    assert [1] == await world.effects()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"\x00\xff not json", "it can't be read"),
        (b"[]", "it can't be read"),
        (an_event(1, subject=7), "subject: Input should be a valid string"),
        (with_sequence("first"), "its sequence is no number: 'first'"),
        (with_sequence("0"), "sequences count from 1"),
        (with_sequence("9" * 40), "sequences count from 1"),
        (an_event(1, subject="ord-\0"), "its subject is empty, longer than 256 characters, or not printable"),
        (an_event(1, id="x" * 5000), "its id is empty, longer than 256 characters, or not printable"),
        (an_event(1, source="\ud800"), "its source is empty, longer than 256 characters, or not printable"),
    ],
    ids=["bytes", "a list", "subject", "no number", "zero", "huge", "NUL", "a long id", "half a character"],
)
async def test_what_cannot_be_read_is_a_dead_letter(world: World, body: bytes, sentence: str) -> None:
    assert [DONE] == await world.take(body)
    (letter,) = world.broker.letters
    assert sentence in letter["data"]["reason"]


async def test_a_gap_that_never_closes_is_reported_in_the_dead_letters(database: AsyncEngine) -> None:
    """An event that was never seen is waited for; once that has lasted too long, it becomes a dead letter instead."""
    world = World(database, gap_patience=timedelta(0))

    assert [RETRY, DONE, DONE] == await world.take(an_event(2), an_event(2), an_event(3))
    (letter,) = world.broker.letters
    assert "number 1 of ord-1 is still on its way" in letter["data"]["reason"]
    assert [3] == await world.effects()


async def test_a_gap_before_an_event_that_is_known_waits_for_ever(database: AsyncEngine) -> None:
    """The earlier one has come and can't be taken for now: however long that lasts, it isn't overtaken."""
    world = World(database, gap_patience=timedelta(0))
    world.failures["ord-1-1"] = [RuntimeError("a bug")]

    assert [RETRY, RETRY, RETRY] == await world.take(an_event(1), an_event(2), an_event(2))
    assert [DONE, DONE] == await world.take(an_event(1), an_event(2))
    assert [1, 2] == await world.effects()


async def test_an_event_that_comes_after_its_successors_does_not_vanish(database: AsyncEngine) -> None:
    """The order can't be kept any more; it becomes a dead letter, instead of being dropped as if it were a repeat."""
    world = World(database, gap_patience=timedelta(0))
    await world.take(an_event(2), an_event(2))

    assert [DONE] == await world.take(an_event(1))
    assert "settled without it" in world.broker.letters[-1]["data"]["reason"]


def a_replay(of: bytes, consumer: str = APP) -> bytes:
    """As the keeper of dead letters sends it."""
    return of.replace(b'"topic"', f'"replayfor": "{consumer}", "replayof": "ord-1-1", "topic"'.encode()).replace(
        b'"id": "ord-1-1"', b'"id": "replay-of-dead-1"'
    )


async def test_a_replay_takes_effect_although_the_event_is_dead(world: World) -> None:
    """Once, however often it comes, and out of turn."""
    world.failures["ord-1-1"] = [Refused("no")]
    await world.take(an_event(1), an_event(2))

    assert [DONE, DONE, DONE] == await world.take(*[a_replay(an_event(1))] * 3)
    assert [2, 1] == await world.effects()


async def test_a_replay_of_what_is_done_changes_nothing(world: World) -> None:
    await world.take(an_event(1))

    assert [DONE] == await world.take(a_replay(an_event(1)))
    assert [1] == await world.effects()


async def test_a_replay_is_for_one_consumer_only(world: World) -> None:
    world.failures["ord-1-1"] = [Refused("no")]
    await world.take(an_event(1))

    assert [DONE] == await world.take(a_replay(an_event(1), "audit-service"))
    assert [] == await world.effects()


async def test_a_replay_may_die_again(world: World) -> None:
    """With all its attempts, and a letter of its own."""
    world.failures["ord-1-1"] = [Refused("no")]
    await world.take(an_event(1))
    world.always["ord-1-1"] = RuntimeError("a bug")

    assert [RETRY, RETRY, DONE] == await world.take(*[a_replay(an_event(1))] * MAX_ATTEMPTS)
    assert 2 == len({letter["id"] for letter in world.broker.letters})
    assert [] == await world.effects()


async def test_an_old_delivery_of_a_dead_event_does_not_revive_it(world: World) -> None:
    world.failures["ord-1-1"] = [Refused("no")]

    assert [DONE, DONE] == await world.take(an_event(1), an_event(1))
    assert [] == await world.effects()
