"""The model's card: what it is, what it was trained on, how good it is, and what it isn't good for."""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

MODELS: Final = Path(__file__).parent / "models"
CARD: Final = MODELS / "model_card.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(_Part):
    """How the data was made, so that anybody can make it again."""

    source: str
    seed: int
    orders: int
    held_out_orders: int
    fraud_share: float


class Metrics(_Part):
    """Measured on the held-out orders, which the model has not been trained on."""

    roc_auc: float
    pr_auc: float
    threshold: float
    precision: float
    recall: float
    flagged_share: float
    """Of all held-out orders, those with a score of at least the threshold: a person's work."""


class ModelCard(_Part):
    """One version of the model."""

    version: str
    file: str
    sha256: str
    algorithm: str
    features: tuple[str, ...]
    data: Data
    metrics: Metrics
    limits: tuple[str, ...]


def read_card(path: Path = CARD) -> ModelCard:
    """The card of the model that is served."""
    return ModelCard.model_validate_json(path.read_text())
