"""Carries out a payment across two systems: this service's tables and the gateway.

Do and undo are each two transactions with the gateway between them, and can die at any point: the next attempt, or the
undo, finds what was begun and settles it with the gateway, which is asked by a key made of saga id and step.
"""

from payment_service.gateway import (
    CARD_DECLINED,
    ChargeSealedError,
    ChargeUnwantedError,
    GatewayOutageError,
    PaymentGateway,
)
from payment_service.store import TAKEN_BACK, Captured, PaymentStore
from shared.contracts.repair import ByHand
from shared.money import money
from shared.participant.errors import Refused
from shared.participant.fence import StepKey
from shared.shop.gateway import Charge, ChargeState, ChargeStatus, Reversal
from shared.shop.payment import PaymentProcessed, PaymentRefunded, ProcessPayment


class Payments:
    """Takes and gives back money, once per step, never after its undo, whatever fails in between."""

    def __init__(self, store: PaymentStore, gateway: PaymentGateway) -> None:
        self._store = store
        self._gateway = gateway

    async def process(self, key: StepKey, payment: ProcessPayment) -> PaymentProcessed:
        """Charge the card, or return the first answer.

        Raises:
            Refused: nothing is kept of this payment, now or later.
            GatewayOutageError: the next attempt settles what became of it.
        """
        begun = await self._store.begin(key, payment)
        if begun.answer is not None:
            return begun.answer
        if begun.is_disowned:
            return await self._disown(key)
        try:
            found = None if begun.is_first else await self._gateway.look_up(str(key))
            # The gateway may know of none only because the earlier request is still on its way. With the same key
            # both get the same charge.
            charge = found or await self._gateway.charge(str(key), key.saga_id, payment)
            return await self._store.capture(key, _standing(charge, payment))
        except ChargeUnwantedError:
            return await self._disown(key)
        except Refused as refusal:
            return await self._store.refuse(key, str(refusal))

    async def give_back(self, key: StepKey, by_hand: ByHand | None = None) -> PaymentRefunded:
        """Give back what was charged, close the step for charges that are still on their way, and record both.

        `by_hand`: give nothing back, but seal at the gateway what is there, so that no refund or charge that is still
        on its way changes it any more, and record that much as a person's.

        Raises:
            GatewayOutageError: the next attempt goes on.
            Refused: the gateway has sealed the charge for a person whose decision isn't recorded here.
        """
        undoing = await self._store.begin_undo(key)
        if undoing.answer is not None:
            return undoing.answer
        if by_hand is not None:
            return await self._store.close_by_hand(key, by_hand, await self._gateway.seal(str(key)))
        try:
            reversal = await self._reverse(key, undoing.captured)
        except ChargeSealedError:
            return await self._store.sealed(key)
        return await self._store.finish_undo(key, reversal)

    async def _reverse(self, key: StepKey, captured: Captured | None) -> Reversal:
        """Refund a charge that is known; otherwise close the key, so that nothing is ever kept under it."""
        if captured is None:
            return await self._gateway.void(str(key))
        return Reversal(
            charge_id=captured.charge_id,
            amount_cents=captured.amount_cents,
            refunded_cents=await self._gateway.refund(f"{key}:refund", captured.charge_id),
            currency=captured.currency,
        )

    async def _disown(self, key: StepKey) -> PaymentProcessed:
        """Keep nothing of a charge that this service can't vouch for, unless a duplicate has recorded it as done."""
        answer = await self._store.disown(key)
        if answer is not None:
            return answer
        await self.give_back(key)
        raise Refused(TAKEN_BACK)


def _standing(charge: Charge, payment: ProcessPayment) -> Captured:
    """The charge, if it succeeded, is what was asked for, and all of it is still there.

    Raises:
        Refused: the card was declined.
        ChargeUnwantedError: something, or everything, was given back.
        GatewayOutageError: it is of another amount or currency. The order isn't paid, and should the gateway go on
            saying so, its undo gives back whatever is held under the key.
    """
    if charge.status is ChargeStatus.DECLINED:
        raise Refused(CARD_DECLINED)
    given_back = isinstance(charge, ChargeState) and (charge.closed or charge.refunded_cents)
    if given_back or charge.amount_cents is None or charge.currency is None:
        raise ChargeUnwantedError
    if (charge.amount_cents, charge.currency) != (payment.amount_cents, payment.currency):
        charged, asked = money(charge.amount_cents, charge.currency), money(payment.amount_cents, payment.currency)
        raise GatewayOutageError(f"the payment gateway says that it charged {charged}, but {asked} was asked for")
    return Captured(charge.charge_id, charge.amount_cents, charge.currency)
