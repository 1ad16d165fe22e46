"""Scores orders beside the event loop: a bounded pool of threads, and a bound on what waits for it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from ml_inference_service.features import Features, features_of
from shared.shop.inference import MlInferenceResult, RunMlInference


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
