"""Trains the model, measures it on orders that it hasn't seen, and writes it as ONNX with its card."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from ml_inference_service.features import NAMES, Features
from ml_inference_service.model import INPUT, PROBABILITIES, Data, Metrics, ModelCard
from ml_inference_service.training.orders import Orders, make_orders

VERSION: Final = "fraud-1"
SEED: Final = 20_260_101
ORDERS: Final = 20_000
HELD_OUT_ORDERS: Final = 10_000
THRESHOLD: Final = 0.5
OPSET: Final = 17

LIMITS: Final = (
    "It was trained on made-up orders: its metrics say that the pipeline works, not that it finds real fraud.",
    "Before it has a say about real customers, train it on the shop's own labelled orders.",
    "A score is a reason for a person to look, never a reason to refuse: some honest customers are flagged.",
    "It reads amounts in CHF, EUR, GBP and USD as one currency, and refuses others.",
    "Country and mailbox provider are among its features: check for unfair treatment before real use.",
    "Thieves change their habits: measure it again on new orders, and retrain.",
)


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, its ONNX form and what was measured."""

    classifier: GradientBoostingClassifier
    onnx: bytes
    metrics: Metrics


def held_out(seed: int = SEED, count: int = HELD_OUT_ORDERS) -> Orders:
    """Orders that no training with this seed sees."""
    return make_orders(seed + 1, count)


def train(seed: int = SEED, count: int = ORDERS, held_out_count: int = HELD_OUT_ORDERS) -> Trained:
    """Train and measure; the same for the same arguments and package versions."""
    orders = make_orders(seed, count)
    classifier = GradientBoostingClassifier(n_estimators=80, max_depth=3, learning_rate=0.1, random_state=seed)
    classifier.fit(orders.features, orders.labels)
    unseen = held_out(seed, held_out_count)
    scores = classifier.predict_proba(unseen.features)[:, 1]
    return Trained(classifier, _as_onnx(classifier, orders.features), measure(unseen.labels, scores))


def measure(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> Metrics:
    """How well the scores detect fraud."""
    flagged = scores >= THRESHOLD
    return Metrics(
        roc_auc=_rounded(roc_auc_score(labels, scores)),
        pr_auc=_rounded(average_precision_score(labels, scores)),
        threshold=THRESHOLD,
        precision=_rounded(precision_score(labels, flagged)),
        recall=_rounded(recall_score(labels, flagged)),
        flagged_share=_rounded(flagged.mean()),
    )


def write(trained: Trained, folder: Path) -> ModelCard:
    """Write the model and its card, for programs and for people."""
    card = ModelCard(
        version=VERSION,
        file=f"{VERSION}.onnx",
        sha256=hashlib.sha256(trained.onnx).hexdigest(),
        algorithm="gradient boosting, 80 trees of depth 3 (scikit-learn)",
        features=NAMES,
        data=Data(
            source="made up by ml_inference_service/training/orders.py",
            seed=SEED,
            orders=ORDERS,
            held_out_orders=HELD_OUT_ORDERS,
            fraud_share=_rounded(held_out().labels.mean()),
        ),
        metrics=trained.metrics,
        limits=LIMITS,
    )
    folder.mkdir(exist_ok=True)
    (folder / card.file).write_bytes(trained.onnx)
    (folder / "model_card.json").write_text(card.model_dump_json(indent=2) + "\n")
    (folder / "model_card.md").write_text(as_text(card))
    return card


def as_text(card: ModelCard) -> str:
    """The card for people."""
    metrics = card.metrics
    return "\n".join(
        [
            f"# Model card: {card.version}",
            "",
            f"A fraud score of an order, 0 (harmless) to 1: {card.algorithm}, as ONNX in `{card.file}`.",
            "Written by `make model`; don't edit.",
            "",
            f"**Data.** {card.data.orders} orders, {card.data.source} from the seed {card.data.seed};",
            f"measured on {card.data.held_out_orders} others, {card.data.fraud_share:.1%} of them labelled as fraud.",
            "",
            "**Features.** " + ", ".join(f"`{name}`" for name in card.features),
            "",
            "| measured on the held-out orders | |",
            "|---|---|",
            f"| ROC AUC | {metrics.roc_auc} |",
            f"| PR AUC | {metrics.pr_auc} |",
            f"| precision at {metrics.threshold} | {metrics.precision} |",
            f"| recall at {metrics.threshold} | {metrics.recall} |",
            f"| orders flagged | {metrics.flagged_share:.2%} |",
            "",
            "**Limits.**",
            *(f"- {limit}" for limit in card.limits),
            "",
        ]
    )


def _as_onnx(classifier: GradientBoostingClassifier, example: Features) -> bytes:
    model = to_onnx(
        classifier, example[:1], target_opset=OPSET, options={"zipmap": False}, initial_types=None, name=VERSION
    )
    names = {model.graph.input[0].name: INPUT, model.graph.output[1].name: PROBABILITIES}
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    model.graph.input[0].name, model.graph.output[1].name = INPUT, PROBABILITIES
    # The converter lists them in any order; sorted, the same training makes the same file.
    opsets = sorted(model.opset_import, key=lambda opset: str(opset.domain))
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _rounded(value: float) -> float:
    return round(float(value), 4)
