"""The payment gateway as this service needs it."""

from typing import Final, Protocol

from shared.shop.gateway import Charge, ChargeState, Reversal
from shared.shop.payment import ProcessPayment

CARD_DECLINED: Final = "the card was declined: use another card"


class GatewayOutageError(Exception):
    """The payment gateway gave no usable answer: it may or may not have happened."""


class ChargeUnwantedError(Exception):
    """There is, or was, a charge under this key that the shop doesn't stand by: none of it may be kept."""


class ChargeSealedError(Exception):
    """A person settled what was charged under this key: the gateway gives none of it back any more."""


class PaymentGateway(Protocol):
    """Takes and gives back money. Whatever raises `GatewayOutageError` may have happened: ask again, same key."""

    async def charge(self, key: str, reference: str, payment: ProcessPayment) -> Charge:
        """Charge the card, once per key.

        Raises:
            Refused: the gateway took nothing, and never will for this request.
            ChargeUnwantedError: the key was closed for good.
        """

    async def look_up(self, key: str) -> ChargeState | None:
        """The charge under this key as it stands now, or None if the gateway has none (yet)."""

    async def refund(self, key: str, charge_id: str) -> int:
        """Give back all that is left of the charge, once per key; in cents, all that was ever given back of it.

        Raises:
            ChargeSealedError: nothing was given back.
        """

    async def void(self, key: str) -> Reversal:
        """Close the key for good, giving back what was charged under it.

        Raises:
            ChargeSealedError: nothing was given back.
        """

    async def seal(self, key: str) -> Reversal:
        """Close the key for good as it is: whatever is still on its way neither charges nor gives back under it."""
