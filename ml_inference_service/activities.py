"""The inference activity.

It has no fence: it changes nothing, and the same facts and the same model give the same score, so that a repeat is the
first answer in all but its cost. A repeat that meets a newer model may differ; the caller keeps the score it has read.
"""

from ml_inference_service.model import Scorer
from shared.participant.activities import ActivityHost, Call
from shared.shop.inference import RUN_ML_INFERENCE, MlInferenceResult, RunMlInference


def serve_inference(host: ActivityHost, scorer: Scorer) -> None:
    """Serve the inference contract."""

    async def run_ml_inference(call: Call[RunMlInference]) -> MlInferenceResult:
        return await scorer.score(call.request)

    host.serve(RUN_ML_INFERENCE, run_ml_inference)
