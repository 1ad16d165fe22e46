"""What a person closed instead of the compensation: a participant's own record of it, kept for good.

The row is written in the transaction that closes the step in the fence and books what it holds as the person's. So
there is a row for each such step and for no other, and the audit adds up.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.repair import ClosedByHand, Decision
from shared.participant.fence import StepKey

STATUS: Final = {Decision.SETTLE: "settled", Decision.SKIP: "written_off"}
"""The status of what a person closed, in every participant's own table."""

HAND_CLOSINGS: Final = Table(
    "hand_closings",
    MetaData(),
    Column("saga_id", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("repair_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("unit", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


async def record_closing(tx: AsyncConnection, key: StepKey, closing: ClosedByHand) -> None:
    """Write down who closed the step and with how much, in the transaction that closes it."""
    await tx.execute(
        insert(HAND_CLOSINGS).values(
            saga_id=key.saga_id,
            step=key.step,
            repair_id=closing.repair_id,
            status=STATUS[closing.decision],
            amount=closing.amount,
            unit=closing.unit,
            decided_by=closing.by,
            note=closing.note,
        )
    )
