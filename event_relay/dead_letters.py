"""The dead letters: what consumers gave up on, kept until a person has them replayed."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from pydantic import ValidationError
from sqlalchemy import Column, DateTime, Index, Integer, MetaData, Row, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.consumer import Answer
from shared.events.dead_letters import DEAD_LETTER_TYPE, DeadLetter
from shared.events.received import REPLAY_FOR, REPLAY_OF, parse_json
from shared.participant.errors import QuarantinedError
from shared.participant.in_flight import Work
from shared.participant.quarantine import Gate

METADATA: Final = MetaData()
DEAD_LETTERS: Final = Table(
    "dead_letters",
    METADATA,
    Column("dead_letter_id", Text, primary_key=True),
    Column("consumer", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    # As JSON text: Postgres' own JSON types turn away characters that an event may hold.
    Column("event", Text),
    Column("body", Text),
    Column("died_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("replay_requested_by", Text),
    Column("replay_requested_at", DateTime(timezone=True)),
    Column("replayed_at", DateTime(timezone=True)),
    Index("dead_letters_by_time", "died_at", "dead_letter_id"),
)

_ADDED_BY_DAPR: Final = ("topic", "pubsubname", "traceid", "traceparent", "tracestate", "expiration")

log = structlog.get_logger()


class DeadLetters:
    """The dead letters in the relay's schema."""

    def __init__(self, database: AsyncEngine, gate: Gate | None = None) -> None:
        self._database = database
        self._gate = gate or Gate()

    async def take(self, body: bytes) -> Answer:
        """Keep a letter that was delivered; never raises. A letter that comes again is the same row."""
        try:
            letter = DeadLetter.model_validate(parse_json(body)["data"])
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            # Whoever wrote it isn't a consumer of ours. There is no further place that it could go to.
            log.exception("not a dead letter", error=str(error), body=body[:1000].decode("utf-8", errors="replace"))
            return Answer.SUCCESS
        try:
            async with self._gate.passed(Work.of(letter.subject, DEAD_LETTER_TYPE, letter.dead_letter_id)):
                await self.keep(letter)
        except (SQLAlchemyError, OSError, QuarantinedError) as error:
            log.warning("dead letter waits", dead_letter_id=letter.dead_letter_id, error=str(error))
            return Answer.RETRY
        return Answer.SUCCESS

    async def keep(self, letter: DeadLetter) -> None:
        """Store a letter, unless it is there already."""
        values = letter.model_dump()
        values["event"] = None if letter.event is None else json.dumps(letter.event)
        async with self._database.begin() as tx:
            await tx.execute(insert(DEAD_LETTERS).values(**values).on_conflict_do_nothing())

    async def list(self, limit: int, before: tuple[datetime, str] | None = None) -> list[Row[Any]]:
        """The letters, the newest first; `before`: time and id of the last one that was shown."""
        key = DEAD_LETTERS.c.died_at, DEAD_LETTERS.c.dead_letter_id
        newest = select(DEAD_LETTERS).order_by(*(one.desc() for one in key)).limit(limit)
        if before is not None:
            died_at, name = before
            older = (key[0] < died_at) | ((key[0] == died_at) & (key[1] < name))
            newest = newest.where(older)
        async with self._database.connect() as connection:
            return list(await connection.execute(newest))

    async def show(self, dead_letter_id: str) -> Row[Any] | None:
        """One letter."""
        async with self._database.connect() as connection:
            return (await connection.execute(select(DEAD_LETTERS).where(_is(dead_letter_id)))).one_or_none()

    async def request_replay(self, dead_letter_id: str, by: str) -> None:
        """Note who wants the replay; the first one stays on the record."""
        wanted = (
            update(DEAD_LETTERS)
            .where(_is(dead_letter_id), DEAD_LETTERS.c.replay_requested_at.is_(None))
            .values(replay_requested_by=by, replay_requested_at=func.now())
        )
        async with self._database.begin() as tx:
            await tx.execute(wanted)

    async def replayed(self, dead_letter_id: str) -> None:
        """Note that the broker has stored the replay."""
        done = (
            update(DEAD_LETTERS)
            .where(_is(dead_letter_id), DEAD_LETTERS.c.replayed_at.is_(None))
            .values(replayed_at=func.now())
        )
        async with self._database.begin() as tx:
            await tx.execute(done)


def replay_of(letter: Row[Any]) -> dict[str, Any] | None:
    """The event once more, for the one consumer that gave up on it; None if it was no event.

    Its id is always the same, so that a replay that is sent twice is one for broker and consumer.
    """
    if letter.event is None:
        return None
    event = {name: value for name, value in json.loads(letter.event).items() if name not in _ADDED_BY_DAPR}
    now = datetime.now(UTC).isoformat()
    return {
        "specversion": "1.0",
        "time": now,
        **event,
        "id": f"replay-of-{letter.dead_letter_id}",
        REPLAY_FOR: letter.consumer,
        REPLAY_OF: letter.event_id,
    }


def _is(dead_letter_id: str) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions
    return DEAD_LETTERS.c.dead_letter_id == dead_letter_id
