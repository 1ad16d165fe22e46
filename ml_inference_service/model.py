"""The model and its card: what it is, and isn't good for. ONNX Runtime runs it, a bounded number beside the loop."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import onnxruntime
from pydantic import BaseModel, ConfigDict

from ml_inference_service.features import NAMES, Features, features_of
from shared.shop.inference import MlInferenceResult, RunMlInference

MODELS: Final = Path(__file__).parent / "models"
CARD: Final = MODELS / "model_card.json"

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
INPUT: Final = "features"
PROBABILITIES: Final = "probabilities"


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


class Provider(StrEnum):
    """Where the model runs. `auto`: on a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class ModelUnusableError(Exception):
    """The model's file, its card and this program don't belong together, or its hardware is missing."""


class FraudModel:
    """Scores orders. Thread-safe, as ONNX Runtime's sessions are; it leaves the GIL while it computes."""

    def __init__(self, card: ModelCard, provider: Provider, *, threads: int, folder: Path = MODELS) -> None:
        """Load the card's model.

        Args:
            card: of the model; its features must be those that this program builds.
            provider: where to run it.
            threads: of ONNX Runtime within one score, so that it doesn't take every core.
            folder: where the card's file lies.

        Raises:
            ModelUnusableError: with a sentence that says what to do.
        """
        self.card = card
        content = (folder / card.file).read_bytes()
        if hashlib.sha256(content).hexdigest() != card.sha256:
            raise ModelUnusableError(f"{card.file} is not the file of its card: run `make model`, and commit both.")
        if card.features != NAMES:
            raise ModelUnusableError(f"model {card.version} was trained on other features: run `make model`.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(content, options, providers=_providers(provider))
        # What it runs on, not what it was asked to: a GPU whose driver is missing falls back in silence.
        self.provider: str = self._session.get_providers()[0]
        if provider is Provider.CUDA and self.provider != CUDA:
            raise ModelUnusableError(f"ML_PROVIDER=cuda, but the model runs on {self.provider}: {_NO_GPU}")

    def score(self, features: Features) -> float:
        """The probability of fraud, 0 to 1."""
        (probabilities,) = self._session.run([PROBABILITIES], {INPUT: features})
        return min(max(float(probabilities[0, 1]), 0.0), 1.0)


_NO_GPU: Final = "install onnxruntime-gpu and the CUDA driver, or leave ML_PROVIDER to auto."


def _providers(wanted: Provider) -> list[str]:
    available = onnxruntime.get_available_providers()
    if wanted is Provider.CUDA and CUDA not in available:
        raise ModelUnusableError(f"ML_PROVIDER=cuda, but ONNX Runtime has no {CUDA}: {_NO_GPU}")
    return [CUDA, CPU] if wanted is not Provider.CPU and CUDA in available else [CPU]


class Model(Protocol):
    """What scores."""

    def score(self, features: Features) -> float: ...


class ScorerBusyError(Exception):
    """An outage: more orders wait for a score than can be served in time. The caller tries again."""


class Scorer:
    """Never computes on the event loop, which has the worker's heartbeats and all other calls to serve."""

    def __init__(self, model: Model, version: str, *, threads: int, most_waiting: int) -> None:
        self._model = model
        self._version = version
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
        self._most_under_way = threads + most_waiting
        self._under_way = 0

    async def score(self, order: RunMlInference) -> MlInferenceResult:
        """The order's fraud score.

        Raises:
            Refused: the facts can't be true, or the model knows nothing about such an order.
            ScorerBusyError: too many wait already.
        """
        if self._under_way >= self._most_under_way:
            raise ScorerBusyError(f"{self._under_way} orders are being scored already")
        self._under_way += 1
        try:
            score = await asyncio.get_running_loop().run_in_executor(self._pool, self._score, order)
        finally:
            self._under_way -= 1
        return MlInferenceResult(score=score, model_version=self._version)

    def _score(self, order: RunMlInference) -> float:
        return self._model.score(features_of(order))

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
