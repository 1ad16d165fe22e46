"""The payment-service's activities: one closure per contract."""

from payment_service.payments import Payments
from shared.contracts import PROCESS_PAYMENT, REFUND_PAYMENT
from shared.host.activities import ActivityHost, Call
from shared.messages.call import UndoStep
from shared.messages.payment import PaymentProcessed, PaymentRefunded, ProcessPayment


def serve_payments(host: ActivityHost, payments: Payments) -> None:
    """Serve the payment-service's contracts."""

    async def process_payment(call: Call[ProcessPayment]) -> PaymentProcessed:
        return await payments.process(call.key, call.request)

    async def refund_payment(call: Call[UndoStep]) -> PaymentRefunded:
        return await payments.give_back(call.key, call.request.by_hand)

    host.serve(PROCESS_PAYMENT, process_payment)
    host.serve(REFUND_PAYMENT, refund_payment)
