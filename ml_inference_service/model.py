"""The model under ONNX Runtime: which file, on which hardware."""

import hashlib
from enum import StrEnum
from pathlib import Path
from typing import Final

import onnxruntime

from ml_inference_service.card import MODELS, ModelCard
from ml_inference_service.features import NAMES, Features

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
INPUT: Final = "features"
PROBABILITIES: Final = "probabilities"


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
