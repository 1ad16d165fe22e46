"""Composes the ml-inference-service and runs it: `python -m ml_inference_service`."""

from pathlib import Path
from typing import Final

from ml_inference_service.activities import serve_inference
from ml_inference_service.api import inference_routes
from ml_inference_service.model import FraudModel, ModelUnusableError, Scorer, read_card
from ml_inference_service.settings import InferenceSettings
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.faults import FaultInjector
from shared.service.service import Service, run
from shared.service.settings import load
from shared.shop.inference import ML_INFERENCE, ML_INFERENCE_SERVICE

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def compose(settings: InferenceSettings) -> Service:
    """The ml-inference-service, ready to run.

    Raises:
        SystemExit: the model can't be used, with a sentence that says what to do.
    """
    card = read_card()
    try:
        model = FraudModel(card, settings.ml_provider, threads=settings.ml_threads_per_score)
    except ModelUnusableError as error:
        raise SystemExit(str(error)) from error
    scorer = Scorer(model, card.version, threads=settings.ml_threads, most_waiting=settings.ml_most_waiting)
    http_database = create_engine(settings.service_database_url, application_name=f"{ML_INFERENCE_SERVICE} http")
    worker_database = create_engine(settings.service_database_url, application_name=f"{ML_INFERENCE_SERVICE} worker")
    host = ActivityHost(
        ML_INFERENCE_SERVICE, injector=FaultInjector(worker_database) if settings.shop_mode.allows_faults else None
    )
    serve_inference(host, scorer)
    return Service(
        app=ML_INFERENCE,
        settings=settings,
        migrations=MIGRATIONS,
        database=http_database,
        activities=host,
        routes=inference_routes(card, model.provider),
    )


if __name__ == "__main__":
    run(compose(load(InferenceSettings)))
