"""Trains and writes the model that is served: `make model`."""

import sys

from ml_inference_service.model import MODELS
from ml_inference_service.training.train import train, write

if __name__ == "__main__":
    card = write(train(), MODELS)
    sys.stdout.write(f"{card.version}: {card.metrics}\n")
