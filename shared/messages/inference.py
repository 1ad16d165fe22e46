"""Messages of the ml-inference-service."""

from shared.messages.base import Message


class RunMlInference(Message):
    """Score an order for fraud: the facts that the model's features are made of."""

    total_cents: int
    currency: str
    units: int
    distinct_skus: int
    country: str
    email: str
    orders_last_day: int = 0
    """Orders of this customer in the 24 hours before this one."""


class MlInferenceResult(Message):
    """The fraud score, from 0 (harmless) to 1, and the version of the model that gave it."""

    score: float
    model_version: str
