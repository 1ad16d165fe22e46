"""Training is repeatable: data and model come from a seed."""

from pathlib import Path

import numpy as np
import pytest

from ml_inference_service.features import features_of
from ml_inference_service.model import FraudModel, Provider, read_card
from ml_inference_service.training.orders import FRAUD_SHARE, make_orders
from ml_inference_service.training.train import train, write
from tests.unit.inference.orders import RISKY, the_facts

pytestmark = pytest.mark.unit


def test_the_same_seed_makes_the_same_orders() -> None:
    """And another seed others, so that held-out orders are no old acquaintances."""
    first, again, other = make_orders(7, 300), make_orders(7, 300), make_orders(8, 300)

    assert (first.features == again.features).all()
    assert (first.labels == again.labels).all()
    assert (first.features != other.features).any()


def test_fraud_is_as_rare_as_it_is_said_to_be() -> None:
    """A model that was trained on half fraud would cry wolf."""
    assert make_orders(7, 4_000).labels.mean() == pytest.approx(FRAUD_SHARE, abs=0.01)


def test_a_small_training_is_repeatable_and_learns() -> None:
    """The same seed gives the same file to the byte, and it detects fraud far better than chance."""
    first, again = (train(seed=7, count=1_500, held_out_count=1_500) for _ in range(2))

    assert first.onnx == again.onnx
    assert first.metrics == again.metrics
    assert first.metrics.roc_auc > 0.9


def test_what_was_written_can_be_served(tmp_path: Path) -> None:
    """The card and the file that `make model` writes fit together."""
    written = write(train(seed=7, count=1_500, held_out_count=1_500), tmp_path)

    model = FraudModel(read_card(tmp_path / "model_card.json"), Provider.CPU, threads=1, folder=tmp_path)

    assert model.card == written
    scores = np.array([model.score(features_of(facts)) for facts in (the_facts(), RISKY)])
    assert scores[0] < scores[1]
