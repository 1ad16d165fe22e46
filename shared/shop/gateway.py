"""The payment gateway: a company of its own, hence without sidecar and without messages of ours."""

from typing import Final

from shared.contracts.app import App
from shared.shop.groups import CORE

PAYMENT_GATEWAY: Final = "payment-gateway"

GATEWAY: Final = App(
    app_id=PAYMENT_GATEWAY,
    group=CORE,
    has_sidecar=False,
    auditor_reads={"charges": ("idempotency_key", "reference", "captured_cents", "refunded_cents", "created_at")},
)
