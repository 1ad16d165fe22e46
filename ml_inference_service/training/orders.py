"""The orders that the model learns from: made up, from a seed.

Two kinds of customers are drawn, honest ones and thieves, with habits that overlap: honest people order from abroad and
own odd mailboxes, and thieves buy small things to try a card. What the model learns is no more than these habits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ml_inference_service.features import FREE_MAIL, HOME_COUNTRIES, THROWAWAY_MAIL, Features, features_of
from shared.shop.inference import RunMlInference

FRAUD_SHARE: Final = 0.04
UNSEEN_SHARE: Final = 0.02
"""Frauds that were never noticed are labelled as honest: so it is in any shop's books."""

_ABROAD: Final = ("BR", "CN", "IN", "NG", "RO", "RU", "UA", "US", "VN")
_OWN_MAIL: Final = ("example.com", "example.org", "studio.example", "family.example")
_NAMES: Final = ("ada", "grace", "alan", "edsger", "barbara", "donald", "margaret", "tim", "linus", "radia")
_DIGITS: Final = "0123456789"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class _Habits:
    """How one kind of customers orders: the shares of what they do."""

    log_cents: tuple[float, float]
    units_mean: float
    abroad: float
    free_mail: float
    throwaway_mail: float
    odd_mailbox: float
    earlier_orders: float


HONEST: Final = _Habits(
    (8.6, 0.9), 2.2, abroad=0.06, free_mail=0.55, throwaway_mail=0.01, odd_mailbox=0.08, earlier_orders=0.15
)
THIEVES: Final = _Habits(
    (10.4, 1.0), 4.5, abroad=0.45, free_mail=0.5, throwaway_mail=0.3, odd_mailbox=0.6, earlier_orders=2.0
)


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders as the model sees them, with what became of each: 1 is fraud."""

    features: Features
    labels: NDArray[np.int64]


def make_orders(seed: int, count: int) -> Orders:
    """So many orders; the same for the same seed."""
    random = np.random.default_rng(seed)
    is_fraud = random.random(count) < FRAUD_SHARE
    rows = [features_of(_order(random, THIEVES if fraud else HONEST)) for fraud in is_fraud]
    is_seen = random.random(count) >= UNSEEN_SHARE
    return Orders(np.concatenate(rows), (is_fraud & is_seen).astype(np.int64))


def _order(random: Generator, habits: _Habits) -> RunMlInference:
    units = 1 + int(random.poisson(habits.units_mean - 1))
    return RunMlInference(
        total_cents=max(100, int(random.lognormal(*habits.log_cents))),
        currency="EUR",
        units=units,
        distinct_skus=int(random.integers(1, units + 1)),
        country=_one(random, _ABROAD if random.random() < habits.abroad else sorted(HOME_COUNTRIES)),
        email=f"{_mailbox(random, habits)}@{_domain(random, habits)}",
        orders_last_day=int(random.poisson(habits.earlier_orders)),
    )


def _mailbox(random: Generator, habits: _Habits) -> str:
    if random.random() < habits.odd_mailbox:
        return "".join(_one(random, _LETTERS + _DIGITS) for _ in range(int(random.integers(8, 16))))
    year = str(random.integers(1950, 2010)) if random.random() < 0.2 else ""  # noqa: PLR2004 - a share
    return f"{_one(random, _NAMES)}.{_one(random, _NAMES)}{year}"


def _domain(random: Generator, habits: _Habits) -> str:
    kind = random.random()
    if kind < habits.throwaway_mail:
        return _one(random, sorted(THROWAWAY_MAIL))
    return _one(random, sorted(FREE_MAIL) if kind < habits.throwaway_mail + habits.free_mail else _OWN_MAIL)


def _one(random: Generator, of: Sequence[str]) -> str:
    return of[int(random.integers(len(of)))]
