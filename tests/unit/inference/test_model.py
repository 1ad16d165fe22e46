"""The committed model is the one of its card, on the hardware that there is."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from ml_inference_service.features import features_of
from ml_inference_service.model import CPU, CUDA, MODELS, FraudModel, ModelUnusableError, Provider, read_card
from ml_inference_service.training.train import SEED, VERSION, as_text, held_out, measure, train
from tests.unit.inference.orders import RISKY, the_facts

pytestmark = pytest.mark.unit


def the_model(provider: Provider = Provider.CPU) -> FraudModel:
    return FraudModel(read_card(), provider, threads=1)


def test_the_committed_model_reproduces_the_metrics_of_its_card() -> None:
    """The figures in the card are those of this file, on the orders that the seed makes."""
    card, model, unseen = read_card(), the_model(), held_out()
    scores = np.array([model.score(row[np.newaxis]) for row in unseen.features])
    measured = measure(unseen.labels, scores)

    assert (card.version, card.data.seed, card.data.held_out_orders) == (VERSION, SEED, len(unseen.labels))
    assert measured.model_dump() == pytest.approx(card.metrics.model_dump(), abs=0.002)
    assert as_text(card) == (MODELS / "model_card.md").read_text()


def test_the_served_file_scores_as_the_model_that_was_trained() -> None:
    """Scikit-learn's scores and ONNX Runtime's agree: the conversion loses nothing, nor did the time since."""
    model, trained, unseen = the_model(), train(held_out_count=2_000), held_out(count=2_000)
    expected = trained.classifier.predict_proba(unseen.features)[:, 1]

    scores = np.array([model.score(row[np.newaxis]) for row in unseen.features])

    assert np.abs(scores - expected).max() < 1e-5


def test_a_risky_order_scores_high_and_an_honest_one_low() -> None:
    """What a person would say."""
    model = the_model()

    assert model.score(features_of(the_facts())) < 0.05
    assert model.score(features_of(RISKY)) > 0.95


def test_the_provider_is_the_one_that_it_runs_on() -> None:
    """A GPU where there is one, otherwise the CPU; never what was only asked for."""
    has_gpu = CUDA in onnxruntime.get_available_providers()

    assert the_model(Provider.CPU).provider == CPU
    assert the_model(Provider.AUTO).provider in ({CPU, CUDA} if has_gpu else {CPU})


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime can use a GPU")
def test_a_gpu_that_is_asked_for_and_missing_stops_the_start() -> None:
    """A GPU node that quietly computes on its CPU would be found by its bill."""
    with pytest.raises(ModelUnusableError, match=r"ML_PROVIDER=cuda, but ONNX Runtime has no CUDA.*auto"):
        the_model(Provider.CUDA)


def test_a_file_of_another_card_is_not_served(tmp_path: Path) -> None:
    """Its metrics would be another model's."""
    card = read_card()
    (tmp_path / card.file).write_bytes((MODELS / card.file).read_bytes() + b"\0")

    with pytest.raises(ModelUnusableError, match="is not the file of its card: run `make model`"):
        FraudModel(card, Provider.CPU, threads=1, folder=tmp_path)


def test_a_model_of_other_features_is_not_served() -> None:
    """It would read one column as another."""
    card = read_card()
    older = card.model_copy(update={"features": card.features[1:]})

    with pytest.raises(ModelUnusableError, match="trained on other features"):
        FraudModel(older, Provider.CPU, threads=1)
