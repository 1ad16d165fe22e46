"""Messages of the ml-inference-service."""

from typing import Final

from shared.contracts.app import App
from shared.contracts.contract import DO, TASK_SECONDS, Contract
from shared.contracts.message import Message
from shared.shop.groups import TASKS

ML_INFERENCE_SERVICE: Final = "ml-inference-service"


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


RUN_ML_INFERENCE: Final = Contract(
    ML_INFERENCE_SERVICE, "run_ml_inference", RunMlInference, MlInferenceResult, DO, TASK_SECONDS
)
"""An order that asks for it is far less patient (`FraudCheck.patience_seconds`)."""

ML_INFERENCE: Final = App(app_id=ML_INFERENCE_SERVICE, group=TASKS, contracts=(RUN_ML_INFERENCE,))
