"""The ml-inference-service as a whole: its contract under faults, its settings, its HTTP surface, its process."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from dapr.ext.workflow import WorkflowActivityContext
from dapr.ext.workflow._durabletask import task as sdk

from ml_inference_service.__main__ import compose
from ml_inference_service.activities import serve_inference
from ml_inference_service.model import FraudModel, Provider, Scorer, read_card
from ml_inference_service.settings import InferenceSettings
from shared.database import create_engine
from shared.participant.activities import ActivityHost
from shared.participant.errors import NonRetryableError
from shared.participant.faults import FaultInjector, InjectedOutageError
from shared.service.settings import load
from shared.shop.inference import ML_INFERENCE, ML_INFERENCE_SERVICE
from tests.integration.conftest import ServiceDatabase
from tests.integration.service_process import running
from tests.registered import Registered

FACTS = {
    "total_cents": 4200,
    "currency": "EUR",
    "units": 2,
    "distinct_skus": 2,
    "country": "DE",
    "email": "ada.lovelace@example.org",
}
Run = Callable[..., Any]


@pytest.fixture
def database_url(service_database: ServiceDatabase) -> str:
    return service_database("ml_inference_service")


@pytest.fixture
async def run(database_url: str) -> AsyncIterator[Run]:
    """Executes the activity as a sidecar would."""
    database = create_engine(database_url, application_name="tests")
    model = FraudModel(read_card(), Provider.CPU, threads=1)
    host, registered = ActivityHost(ML_INFERENCE_SERVICE, injector=FaultInjector(database)), Registered()
    serve_inference(host, Scorer(model, model.card.version, threads=2, most_waiting=10))
    host.register(registered)

    async def execute(*modes: str, saga_id: str = "ord-1", **changes: object) -> dict[str, Any]:
        faults = [{"activity": "run_ml_inference", "mode": mode, "seconds": 0} for mode in modes]
        envelope = {
            "saga_id": saga_id,
            "step": "run_ml_inference",
            "attempt": 1,
            "request": {**FACTS, **changes},
            "faults": faults,
        }
        context = WorkflowActivityContext(sdk.ActivityContext(saga_id, 1))
        reply = await registered.activities["run_ml_inference"](context, envelope)
        response: dict[str, Any] = reply["response"]
        return response

    yield execute
    await database.dispose()


@pytest.mark.usefixtures("environment")
def test_every_contract_is_served_and_nothing_else() -> None:
    activities = compose(load(InferenceSettings)).activities

    assert activities.names == {contract.activity for contract in ML_INFERENCE.contracts}
    assert activities.names == {"run_ml_inference"}


@pytest.mark.parametrize(
    ("name", "value"), [("ML_PROVIDER", "tpu"), ("ML_THREADS", "0"), ("ML_THREADS_PER_SCORE", "many")]
)
def test_senseless_settings_stop_the_start(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)

    with pytest.raises(SystemExit, match=name):
        load(InferenceSettings)


@pytest.mark.parametrize("mode", ["delay", "hang", "duplicate"])
async def test_a_fault_that_ends_well_gives_the_same_score(run: Run, mode: str) -> None:
    """Delayed or run twice, the answer is the one of an untroubled order."""
    assert await run(mode, saga_id="ord-2") == await run()


@pytest.mark.parametrize("mode", ["fail", "lose_reply"])
async def test_an_outage_is_made_good_by_a_retry(run: Run, mode: str) -> None:
    """The retry gives the answer that was lost."""
    with pytest.raises(InjectedOutageError):
        await run(mode)

    assert 0 <= (await run(mode))["score"] <= 1


async def test_an_injected_refusal_is_a_refusal(run: Run) -> None:
    """The saga knows it by its name."""
    with pytest.raises(NonRetryableError, match="run_ml_inference refuses"):
        await run("refuse")


async def test_facts_that_cannot_be_true_are_refused(run: Run) -> None:
    """No retry changes them."""
    with pytest.raises(NonRetryableError, match="units is 0: must be 1 to"):
        await run(units=0)


async def test_the_process_reports_its_model_and_drains(database_url: str) -> None:
    """Alive without a sidecar, not ready; it says what it serves on which hardware, and ends well by SIGTERM."""
    async with running("ml_inference_service", database_url) as service:
        status, problem = await service.get("/readyz")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        status, model = await service.get("/model")
        assert (status, model["version"], model["provider"]) == (200, "fraud-1", "CPUExecutionProvider")
        assert model["card"] == read_card().model_dump(mode="json")
        assert await service.stop() == 0
