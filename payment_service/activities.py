"""The payment-service's activities: one closure per contract."""

from payment_service.payments import Payments
from shared.contracts.call import UndoStep
from shared.participant.activities import ActivityHost, Call
from shared.shop.payment import PROCESS_PAYMENT, REFUND_PAYMENT, PaymentProcessed, PaymentRefunded, ProcessPayment


def serve_payments(host: ActivityHost, payments: Payments) -> None:
    """Serve the payment-service's contracts."""

    async def process_payment(call: Call[ProcessPayment]) -> PaymentProcessed:
        return await payments.process(call.key, call.request)

    async def refund_payment(call: Call[UndoStep]) -> PaymentRefunded:
        return await payments.give_back(call.key, call.request.by_hand)

    host.serve(PROCESS_PAYMENT, process_payment)
    host.serve(REFUND_PAYMENT, refund_payment)
