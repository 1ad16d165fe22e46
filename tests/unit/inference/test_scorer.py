"""Scoring happens beside the event loop, and never more of it than was said."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ml_inference_service.features import Features
from ml_inference_service.model import FraudModel, Provider, Scorer, ScorerBusyError, read_card
from shared.participant.errors import Refused
from tests.unit.inference.orders import RISKY, the_facts

pytestmark = pytest.mark.unit

WITHIN_SECONDS = 30.0


class SlowModel:
    """Computes until it is let go; counts who computes at the same time, and in which threads."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.busy = threading.Semaphore(0)
        self.threads: set[str] = set()
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def score(self, features: Features) -> float:
        del features
        with self._lock:
            self.threads.add(threading.current_thread().name)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.busy.release()
        self.let_go.wait(WITHIN_SECONDS)
        with self._lock:
            self.at_once -= 1
        return 0.25


@pytest.fixture
def slow() -> Iterator[SlowModel]:
    model = SlowModel()
    yield model
    model.let_go.set()


async def test_the_loop_runs_on_while_the_model_computes(slow: SlowModel) -> None:
    """The same loop answers the sidecar and every other call: here it takes a hundred turns beside a stuck model."""
    scorer = Scorer(slow, "v1", threads=1, most_waiting=0)
    score = asyncio.ensure_future(scorer.score(the_facts()))
    turns = 0
    while turns < 100:
        await asyncio.sleep(0)
        turns += 1
    assert await asyncio.to_thread(slow.busy.acquire, timeout=WITHIN_SECONDS)

    assert not score.done()
    slow.let_go.set()
    assert (await score).score == 0.25
    assert threading.current_thread().name not in slow.threads


async def test_no_more_orders_are_scored_at_once_than_there_are_threads(slow: SlowModel) -> None:
    """The others wait: the machine has other work, too."""
    scorer = Scorer(slow, "v1", threads=2, most_waiting=100)
    scores = [asyncio.ensure_future(scorer.score(the_facts())) for _ in range(20)]
    for _ in range(2):
        assert await asyncio.to_thread(slow.busy.acquire, timeout=WITHIN_SECONDS)
    slow.let_go.set()
    await asyncio.gather(*scores)

    assert slow.most_at_once == 2
    assert len(slow.threads) <= 2


async def test_one_order_too_many_is_an_outage_at_once(slow: SlowModel) -> None:
    """Its caller tries again later, rather than wait in a line that nobody sees; then there is room again."""
    scorer = Scorer(slow, "v1", threads=1, most_waiting=1)
    taken = [asyncio.ensure_future(scorer.score(the_facts())) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(ScorerBusyError, match="2 orders are being scored already"):
        await scorer.score(the_facts())

    slow.let_go.set()
    await asyncio.gather(*taken)
    assert (await scorer.score(the_facts())).model_version == "v1"


async def test_a_refusal_and_a_failure_free_their_place() -> None:
    """What can't be scored doesn't count as under way for ever."""
    model = FraudModel(read_card(), Provider.CPU, threads=1)
    scorer = Scorer(model, model.card.version, threads=1, most_waiting=0)
    for _ in range(3):
        with pytest.raises(Refused, match="the model knows no"):
            await scorer.score(the_facts(currency="JPY"))

    result = await scorer.score(RISKY)

    assert (result.model_version, 0.95 < result.score <= 1) == ("fraud-1", True)


async def test_a_repeat_and_a_hundred_at_once_get_the_same_score() -> None:
    """Why the activity needs no fence: the model is a pure function, also from several threads."""
    scorer = Scorer(FraudModel(read_card(), Provider.CPU, threads=1), "v1", threads=4, most_waiting=200)

    results = await asyncio.gather(*(scorer.score(RISKY) for _ in range(100)))

    assert len({result.score for result in results}) == 1
