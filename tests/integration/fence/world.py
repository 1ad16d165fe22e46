"""A participant reduced to the fence: its effect is a row that the tests count."""

import asyncio
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.participant.fence import Fence, StepKey
from shared.shop.inventory import StockReleased, StockReserved

MIGRATIONS: Final = Path(__file__).parent / "migrations"
KEY: Final = StepKey("order-1", "reserve_stock")


class OutageError(Exception):
    """The participant fails."""


class Participant:
    """Adds 1 for a saga, and takes it back."""

    def __init__(self, database: AsyncEngine) -> None:
        self.database = database
        self.fence = Fence(database)
        self.done = asyncio.Event()
        """Set once an effect is committed."""

    async def do(self, key: StepKey = KEY, *, then: Exception | None = None) -> StockReserved:
        """Take effect, and fail with `then` before the commit if it is given."""

        async def effect(tx: AsyncConnection) -> StockReserved:
            effect_id = await _add(tx, key, 1)
            if then is not None:
                raise then
            return StockReserved(reservation_id=f"effect-{effect_id}")

        answer = await self.fence.do(key, StockReserved, effect)
        self.done.set()
        return answer

    async def undo(self, key: StepKey = KEY, *, then: Exception | None = None) -> StockReleased:
        """Take the effect back, and fail with `then` before the commit if it is given."""

        async def effect(tx: AsyncConnection, done: StockReserved | None) -> StockReleased:
            if done is not None:
                await _add(tx, key, -1)
            if then is not None:
                raise then
            return StockReleased(released_units=0 if done is None else 1)

        return await self.fence.undo(key, StockReserved, StockReleased, effect)

    async def effects(self, key: StepKey = KEY) -> list[int]:
        """All effects for the saga, in their order."""
        statement = text("SELECT amount FROM effects WHERE saga_id = :saga_id ORDER BY effect_id")
        async with self.database.connect() as connection:
            return list(await connection.scalars(statement, {"saga_id": key.saga_id}))

    async def repeats(self, key: StepKey = KEY) -> int:
        """How many repeats of the step and of its undo the fence has answered."""
        async with self.database.connect() as connection:
            statement = text("SELECT repeats FROM saga_steps WHERE (saga_id, step) = (:saga_id, :step)")
            return int((await connection.execute(statement, {"saga_id": key.saga_id, "step": key.step})).scalar_one())

    async def state(self, key: StepKey = KEY) -> str | None:
        """What the fence remembers of the step."""
        statement = text("SELECT state FROM saga_steps WHERE saga_id = :saga_id AND step = :step")
        async with self.database.connect() as connection:
            state: str | None = await connection.scalar(statement, {"saga_id": key.saga_id, "step": key.step})
            return state


async def _add(tx: AsyncConnection, key: StepKey, amount: int) -> int:
    statement = text("INSERT INTO effects (saga_id, amount) VALUES (:saga_id, :amount) RETURNING effect_id")
    effect_id: int = (await tx.execute(statement, {"saga_id": key.saga_id, "amount": amount})).scalar_one()
    return effect_id
