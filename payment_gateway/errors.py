"""Why the gateway says no. Each answers with its status, its `code` and its sentence; nothing was changed.

GatewayError
├── CardDeclinedError      402 card_declined
├── KeyClosedError         410 key_closed
├── KeyReusedError         409 key_reused
├── UnknownChargeError     404 unknown_charge
├── NotCapturedError       409 not_captured
├── AlreadyRefundedError   409 already_refunded
├── ChargeSealedError      409 charge_sealed
├── RefundTooLargeError    422 refund_too_large
└── OutOfOrderError        503 out_of_order
"""

from http import HTTPStatus
from typing import ClassVar


class GatewayError(Exception):
    """The gateway refuses."""

    status: ClassVar[HTTPStatus]
    code: ClassVar[str]
    sentence: ClassVar[str]

    @property
    def detail(self) -> str:
        return str(self) or self.sentence


class CardDeclinedError(GatewayError):
    sentence = "The card was declined; this key stays declined, so try another card under a new key."
    status = HTTPStatus.PAYMENT_REQUIRED
    code = "card_declined"


class KeyClosedError(GatewayError):
    sentence = "This key was voided or sealed: no charge will ever be made under it."
    status = HTTPStatus.GONE
    code = "key_closed"


class KeyReusedError(GatewayError):
    sentence = "This key was used with another body; use a new key for a new request."
    status = HTTPStatus.CONFLICT
    code = "key_reused"


class UnknownChargeError(GatewayError):
    sentence = "There is no such charge."
    status = HTTPStatus.NOT_FOUND
    code = "unknown_charge"


class NotCapturedError(GatewayError):
    sentence = "This charge took no money, so there is nothing to refund."
    status = HTTPStatus.CONFLICT
    code = "not_captured"


class AlreadyRefundedError(GatewayError):
    sentence = "All of this charge is refunded already."
    status = HTTPStatus.CONFLICT
    code = "already_refunded"


class ChargeSealedError(GatewayError):
    sentence = "This charge was sealed: what was taken stays, whatever is asked for later."
    status = HTTPStatus.CONFLICT
    code = "charge_sealed"


class RefundTooLargeError(GatewayError):
    sentence = "The refund is larger than what is left of the charge."
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "refund_too_large"


class OutOfOrderError(GatewayError):
    sentence = "The card network doesn't answer; nothing was charged. Try again with the same key."
    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "out_of_order"
