"""What the payment-service reads from its environment."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.service.settings import ServiceSettings


class PaymentSettings(ServiceSettings):
    """The payment-service's settings."""

    payment_gateway_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
    payment_gateway_timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 10.0
    """For one request in all; a charge that takes longer has an unknown outcome, and is settled by the next attempt."""
