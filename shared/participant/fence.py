"""The fence that makes a participant idempotent: one row per (saga, step), in the transaction of the effect.

    no row ──do──► done ──undo──► undone        a repeat of do or undo returns the first answer
       │   ──do──► refused                      a refusal is remembered: the saga will not undo this step
       └──undo──► undone (a tombstone)          a do that arrives after its undo is refused

An effect that lives in another system passes through `pending` and `undoing`, since no transaction spans both (see
`payment_service`). Concurrent executions of one step meet at the row: the second waits until the first has committed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import Column, DateTime, Integer, MetaData, Row, Table, Text, func, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.contracts.message import Message
from shared.participant.errors import Refused

AnswerT = TypeVar("AnswerT", bound=Message)
DoneT = TypeVar("DoneT", bound=Message)


class StepState(StrEnum):
    """How far a step of a saga has come at this participant."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class StepKey:
    """The idempotency key of a step and of its undo."""

    saga_id: str
    step: str

    def __str__(self) -> str:
        return f"{self.saga_id}:{self.step}"


def saga_steps_table(metadata: MetaData) -> Table:
    """The fence's table; every participant has one in its own schema."""
    return Table(
        "saga_steps",
        metadata,
        Column("saga_id", Text, primary_key=True),
        Column("step", Text, primary_key=True),
        Column("state", Text, nullable=False),
        Column("answer", JSONB),
        Column("undo_answer", JSONB),
        Column("refusal", Text),
        # How often a do or an undo came again and was answered from this row: the duplicates that had no effect.
        Column("repeats", Integer, nullable=False, server_default="0"),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    )


SAGA_STEPS: Final = saga_steps_table(MetaData())

_TOO_LATE: Final = "it was undone before it arrived"


class StillPendingError(Exception):
    """An outage: what became of an earlier attempt isn't known yet, so there is no answer to repeat."""


class Fence:
    """Runs effects at most once per step, and never after their undo."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def do(
        self, key: StepKey, answer_type: type[AnswerT], effect: Callable[[AsyncConnection], Awaitable[AnswerT]]
    ) -> AnswerT:
        """Run the effect in the transaction of its row, or return the first answer.

        Raises:
            Refused: the effect was refused, now or at first, or its undo came first.
        """
        try:
            async with self._database.begin() as tx:
                if await claim(tx, key, StepState.DONE):
                    answer = await effect(tx)
                    await settle(tx, key, StepState.DONE, answer=answer.model_dump(mode="json"))
                    return answer
                row = await repeated(tx, key)
        except Refused as refusal:
            return await self.refuse(key, answer_type, str(refusal))
        # Only now, for a refusal would take back that the repeat was counted.
        return first_answer(row, answer_type)

    async def refuse(self, key: StepKey, answer_type: type[AnswerT], reason: str) -> AnswerT:
        """Remember that this step was refused, so that no duplicate of it ever takes effect.

        Returns:
            The first answer, if a duplicate got done meanwhile.

        Raises:
            Refused: with the first reason.
        """
        async with self._database.begin() as tx:
            is_first = await claim(tx, key, StepState.REFUSED, refusal=reason)
            row = None if is_first else await repeated(tx, key)
        if row is not None:
            return first_answer(row, answer_type)
        raise Refused(reason)

    async def undo(
        self,
        key: StepKey,
        done_type: type[DoneT],
        answer_type: type[AnswerT],
        effect: Callable[[AsyncConnection, DoneT | None], Awaitable[AnswerT]],
    ) -> AnswerT:
        """Run the reverse effect with the do's answer (None if there was no do), leave a tombstone, repeat safely."""
        async with self._database.begin() as tx:
            done: DoneT | None = None
            if not await claim(tx, key, StepState.UNDONE):
                row = await lock(tx, key)
                if row.state == StepState.UNDONE:
                    await repeated(tx, key)
                    return answer_type.model_validate(row.undo_answer)
                done = done_type.model_validate(row.answer) if row.state == StepState.DONE else None
            answer = await effect(tx, done)
            await settle(tx, key, StepState.UNDONE, undo_answer=answer.model_dump(mode="json"))
            return answer


async def claim(tx: AsyncConnection, key: StepKey, state: StepState, **values: object) -> bool:
    """Insert the step's row; False if it is there already (after waiting for whoever is inserting it)."""
    statement = (
        insert(SAGA_STEPS)
        .values(saga_id=key.saga_id, step=key.step, state=state, **values)
        .on_conflict_do_nothing()
        .returning(SAGA_STEPS.c.step)
    )
    return (await tx.execute(statement)).first() is not None


async def lock(tx: AsyncConnection, key: StepKey) -> Row[Any]:
    """The step's row, locked until the transaction ends."""
    statement = select(SAGA_STEPS).where(*_is(key)).with_for_update()
    return (await tx.execute(statement)).one()


async def repeated(tx: AsyncConnection, key: StepKey) -> Row[Any]:
    """As `lock`, of a do or an undo that came again; it counts if the transaction commits."""
    statement = update(SAGA_STEPS).where(*_is(key)).values(repeats=SAGA_STEPS.c.repeats + 1).returning(SAGA_STEPS)
    row: Row[Any] = (await tx.execute(statement)).one()
    return row


async def settle(tx: AsyncConnection, key: StepKey, state: StepState, **values: object) -> None:
    """Move the step on to `state`."""
    await tx.execute(update(SAGA_STEPS).where(*_is(key)).values(state=state, updated_at=func.now(), **values))


def first_answer(row: Row[Any], answer_type: type[AnswerT]) -> AnswerT:
    """The answer to a repeat of a do that has ended.

    Raises:
        Refused: it was refused, or its undo came first.
        StillPendingError: it hasn't ended, so that a refusal would promise too much.
    """
    if row.state == StepState.DONE:
        return answer_type.model_validate(row.answer)
    if row.state == StepState.PENDING:
        raise StillPendingError(f"{row.step} of {row.saga_id} is still pending")
    if row.state == StepState.REFUSED:
        raise Refused(row.refusal)
    raise Refused(f"{_TOO_LATE} (undone at {row.updated_at:%Y-%m-%d %H:%M:%S} UTC)")


def _is(key: StepKey) -> tuple[Any, Any]:
    return SAGA_STEPS.c.saga_id == key.saga_id, SAGA_STEPS.c.step == key.step
