"""What the ml-inference-service reads from its environment."""

from pydantic import Field

from ml_inference_service.model import Provider
from shared.service.settings import ServiceSettings


class InferenceSettings(ServiceSettings):
    """A service behind a sidecar, with where the model runs and how much of it at a time.

    `ml_provider`: `auto` (a GPU where there is one), `cpu`, or `cuda`, which doesn't start without a GPU.
    `ml_threads`: orders scored at the same time; `ml_threads_per_score`: threads of ONNX Runtime within one.
    `ml_most_waiting`: orders that may wait for a thread; one more is an outage, which its caller retries.
    """

    ml_provider: Provider = Provider.AUTO
    ml_threads: int = Field(default=2, ge=1, le=64)
    ml_threads_per_score: int = Field(default=1, ge=1, le=64)
    ml_most_waiting: int = Field(default=1000, ge=0)
