"""The payment-service's side of a charge: what is recorded before and after the gateway is asked.

The effect of a payment lives at the gateway, and no transaction spans both. So the fence's row says `pending` (or
`undoing`) before the gateway is asked, and what came of it after; whoever finds it so settles it with the gateway.

    no row ─► pending ─► done ─► undoing ─► undone     given back, or closed by a person (`hand_closings`)
       └─────────┼──────────────────┤
                 └─► refused ───────┘   only when the gateway contradicts itself: the saga undoes no refused step
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from payment_service.gateway import ChargeUnwantedError, GatewayOutageError
from payment_service.ledger import post
from payment_service.tables import PAYMENTS, EntryKind, PaymentStatus
from shared.contracts.repair import ByHand, Decision
from shared.events.event import EventType
from shared.events.outbox import FIRST, SECOND
from shared.participant.errors import Refused
from shared.participant.fence import StepKey, StepState, claim, first_answer, lock, repeated, settle
from shared.participant.hand_closings import STATUS, record_closing
from shared.shop.gateway import Reversal
from shared.shop.payment import PaymentProcessed, PaymentRefunded, ProcessPayment

# A charge of which no attempt has been recorded here has no payment.
_MOVE: Final = text("""
    WITH moved AS (
        UPDATE payments SET status = :status, charge_id = CAST(:charge_id AS text), updated_at = now()
        WHERE saga_id = :saga_id AND step = :step
        RETURNING payment_id
    ), event AS (
        INSERT INTO outbox (type, subject, sequence, data)
        SELECT posted.type, CAST(:saga_id AS text), posted.sequence, jsonb_build_object(
            'order_id', CAST(:saga_id AS text), 'payment_id', (SELECT payment_id FROM moved),
            'amount_cents', posted.amount_cents, 'currency', posted.currency)
        FROM unnest(CAST(:kinds AS text[]), CAST(:sequences AS bigint[]), CAST(:amounts AS bigint[]),
            CAST(:currencies AS text[])) AS posted (type, sequence, amount_cents, currency)
        ORDER BY posted.sequence
    )
    SELECT payment_id FROM moved
""")


TAKEN_BACK: Final = "the payment was taken back at the gateway: order again"


class MoneyKeptError(GatewayOutageError):
    """The gateway still holds money that it was asked to refund."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A do that may ask the gateway, or the `answer` of one that did.

    `is_first` if no attempt came before; `is_disowned` if one has found that the charge is to be given back.
    """

    is_first: bool
    is_disowned: bool = False
    answer: PaymentProcessed | None = None


@dataclass(frozen=True, slots=True)
class Captured:
    """A charge that this service knows to have succeeded."""

    charge_id: str
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class PostedEvent:
    """An event about a payment."""

    kind: EventType
    sequence: int
    amount_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Undoing:
    """An undo that may ask the gateway, or the `answer` of one that did; `captured` is what there is to refund."""

    captured: Captured | None = None
    answer: PaymentRefunded | None = None


class PaymentStore:
    """Payments, their fence and their ledger; each method is one transaction."""

    def __init__(self, database: AsyncEngine) -> None:
        self._database = database

    async def begin(self, key: StepKey, payment: ProcessPayment) -> Begun:
        """Announce the charge before the gateway is asked for it.

        Raises:
            Refused: it was refused, or its undo came first.
        """
        async with self._database.begin() as tx:
            if await claim(tx, key, StepState.PENDING):
                await tx.execute(
                    insert(PAYMENTS).values(
                        payment_id=f"pay_{uuid.uuid4().hex}",
                        saga_id=key.saga_id,
                        step=key.step,
                        amount_cents=payment.amount_cents,
                        currency=payment.currency,
                        status=PaymentStatus.PENDING,
                    )
                )
                return Begun(is_first=True)
            row = await repeated(tx, key)
        if row.state == StepState.PENDING:
            return Begun(is_first=False)
        if row.state == StepState.UNDOING and row.refusal is not None:
            return Begun(is_first=False, is_disowned=True)
        return Begun(is_first=False, answer=first_answer(row, PaymentProcessed))

    async def capture(self, key: StepKey, captured: Captured) -> PaymentProcessed:
        """Record that the gateway charged the card, and post it to the ledger.

        Raises:
            Refused: the undo came first; it gives the charge back.
            ChargeUnwantedError: it was refused before: the saga knows that nothing was charged.
        """
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state == StepState.REFUSED:
                raise ChargeUnwantedError
            if row.state != StepState.PENDING:
                return first_answer(row, PaymentProcessed)
            charged = PostedEvent(EventType.PAYMENT_PROCESSED, FIRST, captured.amount_cents, captured.currency)
            payment_id = await _move_payment(tx, key, PaymentStatus.CAPTURED, charged, charge_id=captured.charge_id)
            answer = PaymentProcessed(payment_id=str(payment_id), amount_cents=captured.amount_cents)
            await post(tx, key, EntryKind.CHARGE, captured.amount_cents, captured.currency)
            await settle(tx, key, StepState.DONE, answer=answer.model_dump(mode="json"))
            return answer

    async def refuse(self, key: StepKey, reason: str) -> PaymentProcessed:
        """Remember that the gateway refused.

        Returns:
            The first answer, if the step was done before.

        Raises:
            Refused: with the first reason.
        """
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state != StepState.PENDING:
                return first_answer(row, PaymentProcessed)
            await _move_payment(tx, key, PaymentStatus.REFUSED)
            await settle(tx, key, StepState.REFUSED, refusal=reason)
        raise Refused(reason)

    async def disown(self, key: StepKey) -> PaymentProcessed | None:
        """Turn a do that the gateway contradicts into its undo; the first answer, if a duplicate got it done.

        The row keeps the refusal: nobody but the attempts at the do may ever go on with this undo, for the saga undoes
        no refused step.
        """
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state == StepState.DONE:
                return first_answer(row, PaymentProcessed)
            if row.state != StepState.UNDONE:
                await settle(tx, key, StepState.UNDOING, refusal=row.refusal or TAKEN_BACK)
        return None

    async def begin_undo(self, key: StepKey) -> Undoing:
        """Close the step for any do, now or later, before the gateway is asked to give the money back."""
        async with self._database.begin() as tx:
            if await claim(tx, key, StepState.UNDOING):
                return Undoing()
            row = await lock(tx, key)
            if row.state in {StepState.UNDOING, StepState.UNDONE}:
                await repeated(tx, key)
            if row.state == StepState.UNDONE:
                return Undoing(answer=PaymentRefunded.model_validate(row.undo_answer))
            await settle(tx, key, StepState.UNDOING)
            # The do's answer is kept, so that a later attempt at this undo knows as much as the first.
            return Undoing(captured=None if row.answer is None else await _captured(tx, key, row))

    async def finish_undo(self, key: StepKey, reversal: Reversal) -> PaymentRefunded:
        """Record what the gateway gave back; the ledger gets both sides of a charge that was never recorded.

        Raises:
            MoneyKeptError: it did not give everything back.
        """
        if reversal.kept_cents != 0:
            raise MoneyKeptError(f"the gateway still holds {reversal.kept_cents} cents of {reversal.charge_id}")
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state == StepState.UNDONE:
                return PaymentRefunded.model_validate(row.undo_answer)
            await _post_both(tx, key, reversal)
            status = PaymentStatus.VOIDED if reversal.charge_id is None else PaymentStatus.REFUNDED
            await _move_payment(tx, key, status, *_events_of(row, reversal), charge_id=reversal.charge_id)
            answer = PaymentRefunded(refunded_cents=reversal.refunded_cents, currency=reversal.currency)
            await settle(tx, key, StepState.UNDONE, undo_answer=answer.model_dump(mode="json"))
            return answer

    async def close_by_hand(self, key: StepKey, by_hand: ByHand, sealed: Reversal) -> PaymentRefunded:
        """Record that what the gateway holds, and has sealed, is a person's to settle or to write off.

        If everything had been given back before the seal, there is nothing for the person: it is an undo as any other.
        """
        if sealed.kept_cents == 0 or sealed.currency is None:
            return await self.finish_undo(key, sealed)
        async with self._database.begin() as tx:
            row = await lock(tx, key)
            if row.state == StepState.UNDONE:
                return PaymentRefunded.model_validate(row.undo_answer)
            await _post_both(tx, key, sealed)
            kind = EntryKind.SETTLEMENT if by_hand.decision is Decision.SETTLE else EntryKind.WRITE_OFF
            await post(tx, key, kind, sealed.kept_cents, sealed.currency)
            status = PaymentStatus(STATUS[by_hand.decision])
            await _move_payment(tx, key, status, *_events_of(row, sealed), charge_id=sealed.charge_id)
            closing = by_hand.closes(sealed.kept_cents, sealed.currency)
            await record_closing(tx, key, closing)
            answer = PaymentRefunded(refunded_cents=sealed.refunded_cents, currency=sealed.currency, by_hand=closing)
            await settle(tx, key, StepState.UNDONE, undo_answer=answer.model_dump(mode="json"))
            return answer

    async def sealed(self, key: StepKey) -> PaymentRefunded:
        """The answer to a refund that found the charge sealed.

        Raises:
            Refused: the decision that sealed it got no further than the gateway.
        """
        async with self._database.begin() as tx:
            row = await lock(tx, key)
        if row.state == StepState.UNDONE:
            return PaymentRefunded.model_validate(row.undo_answer)
        raise Refused("the gateway has sealed this charge for a decision that was interrupted: settle or skip it again")


async def _post_both(tx: AsyncConnection, key: StepKey, reversal: Reversal) -> None:
    """Post the charge, which this service may not know, and what was given back of it."""
    if reversal.currency is not None:
        await post(tx, key, EntryKind.CHARGE, reversal.amount_cents, reversal.currency)
        await post(tx, key, EntryKind.REFUND, reversal.refunded_cents, reversal.currency)


def _events_of(row: Row[Any], reversal: Reversal) -> Iterator[PostedEvent]:
    """The events of an undo: of what was given back, after the charge if this service didn't know it before."""
    if reversal.currency is None:
        return
    if row.answer is None:
        yield PostedEvent(EventType.PAYMENT_PROCESSED, FIRST, reversal.amount_cents, reversal.currency)
    if reversal.refunded_cents:
        yield PostedEvent(EventType.PAYMENT_REFUNDED, SECOND, reversal.refunded_cents, reversal.currency)


async def _move_payment(
    tx: AsyncConnection, key: StepKey, status: PaymentStatus, *events: PostedEvent, charge_id: str | None = None
) -> str | None:
    """Move the payment on, if there is one, and return its id; the same statement writes `events`."""
    values = {
        "saga_id": key.saga_id,
        "step": key.step,
        "status": status,
        "charge_id": charge_id,
        "kinds": [event.kind for event in events],
        "sequences": [event.sequence for event in events],
        "amounts": [event.amount_cents for event in events],
        "currencies": [event.currency for event in events],
    }
    payment_id: str | None = (await tx.execute(_MOVE, values)).scalar_one_or_none()
    return payment_id


async def _captured(tx: AsyncConnection, key: StepKey, row: Row[Any]) -> Captured:
    payment = (await tx.execute(select(PAYMENTS).where(*_is(key)))).one()
    answer = PaymentProcessed.model_validate(row.answer)
    return Captured(payment.charge_id, answer.amount_cents, payment.currency)


def _is(key: StepKey) -> tuple[Any, Any]:
    return PAYMENTS.c.saga_id == key.saga_id, PAYMENTS.c.step == key.step
