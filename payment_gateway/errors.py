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

    def __init_subclass__(cls, *, status: HTTPStatus, code: str) -> None:
        """Each refusal names both."""
        cls.status, cls.code = status, code

    @property
    def detail(self) -> str:
        return str(self) or self.sentence


class CardDeclinedError(GatewayError, status=HTTPStatus.PAYMENT_REQUIRED, code="card_declined"):
    sentence = "The card was declined; this key stays declined, so try another card under a new key."


class KeyClosedError(GatewayError, status=HTTPStatus.GONE, code="key_closed"):
    sentence = "This key was voided or sealed: no charge will ever be made under it."


class KeyReusedError(GatewayError, status=HTTPStatus.CONFLICT, code="key_reused"):
    sentence = "This key was used with another body; use a new key for a new request."


class UnknownChargeError(GatewayError, status=HTTPStatus.NOT_FOUND, code="unknown_charge"):
    sentence = "There is no such charge."


class NotCapturedError(GatewayError, status=HTTPStatus.CONFLICT, code="not_captured"):
    sentence = "This charge took no money, so there is nothing to refund."


class AlreadyRefundedError(GatewayError, status=HTTPStatus.CONFLICT, code="already_refunded"):
    sentence = "All of this charge is refunded already."


class ChargeSealedError(GatewayError, status=HTTPStatus.CONFLICT, code="charge_sealed"):
    sentence = "This charge was sealed: what was taken stays, whatever is asked for later."


class RefundTooLargeError(GatewayError, status=HTTPStatus.UNPROCESSABLE_ENTITY, code="refund_too_large"):
    sentence = "The refund is larger than what is left of the charge."


class OutOfOrderError(GatewayError, status=HTTPStatus.SERVICE_UNAVAILABLE, code="out_of_order"):
    sentence = "The card network doesn't answer; nothing was charged. Try again with the same key."
