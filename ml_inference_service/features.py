"""What the model sees of an order. Training and serving both build it here, so that they can't drift apart."""

import re
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from shared.participant.errors import Refused
from shared.shop.inference import RunMlInference

Features = NDArray[np.float32]

CURRENCIES: Final = frozenset({"CHF", "EUR", "GBP", "USD"})
"""Their amounts are alike enough to be read as one; the model has never seen others."""

HOME_COUNTRIES: Final = frozenset(
    ["AT", "BE", "CH", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "LU", "NL", "NO", "PT", "SE"]
)
"""Where nearly all customers live."""

FREE_MAIL: Final = frozenset({"gmail.com", "gmx.de", "hotmail.com", "outlook.com", "proton.me", "web.de", "yahoo.com"})
THROWAWAY_MAIL: Final = frozenset(
    {"10minutemail.com", "guerrillamail.com", "mailinator.com", "sharklasers.com", "temp-mail.org", "yopmail.com"}
)

MOST_UNITS: Final = 1_000_000
MOST_CENTS: Final = 1_000_000_000_00

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")

_FEATURES: Final[dict[str, Callable[[RunMlInference], float]]] = {
    "log_total_cents": lambda order: float(np.log1p(order.total_cents)),
    "log_cents_per_unit": lambda order: float(np.log1p(order.total_cents / order.units)),
    "log_units": lambda order: float(np.log1p(order.units)),
    "distinct_skus": lambda order: float(order.distinct_skus),
    "orders_last_day": lambda order: float(order.orders_last_day),
    "is_abroad": lambda order: float(country_of(order) not in HOME_COUNTRIES),
    "is_free_mail": lambda order: float(_mailbox(order)[1] in FREE_MAIL),
    "is_throwaway_mail": lambda order: float(_mailbox(order)[1] in THROWAWAY_MAIL),
    "mailbox_digit_share": lambda order: _digit_share(_mailbox(order)[0]),
    "mailbox_length": lambda order: float(len(_mailbox(order)[0])),
}

NAMES: Final = tuple(_FEATURES)
"""The columns, in the model's order."""


def features_of(order: RunMlInference) -> Features:
    """One row of `NAMES`; float32, as the model's trees compare.

    Raises:
        Refused: the facts can't be true, or the model knows nothing about such an order.
    """
    _check(order)
    return np.array([[feature(order) for feature in _FEATURES.values()]], dtype=np.float32)


def country_of(order: RunMlInference) -> str:
    """The country's code as the model knows it."""
    return order.country.strip().upper()


def _check(order: RunMlInference) -> None:
    problems = [
        sentence
        for is_wrong, sentence in (
            (not 0 < order.total_cents <= MOST_CENTS, f"total_cents is {order.total_cents}: must be above 0"),
            (
                order.currency not in CURRENCIES,
                f"the model knows no {order.currency[:8]!a}: {_listed(CURRENCIES)} only",
            ),
            (not 0 < order.units <= MOST_UNITS, f"units is {order.units}: must be 1 to {MOST_UNITS}"),
            (
                not 0 < order.distinct_skus <= max(order.units, 1),
                f"distinct_skus is {order.distinct_skus}: must be 1 to the number of units",
            ),
            (order.orders_last_day < 0, f"orders_last_day is {order.orders_last_day}: must not be negative"),
            (_COUNTRY.fullmatch(country_of(order)) is None, f"country is {order.country[:64]!a}: must be two letters"),
            (_EMAIL.fullmatch(order.email) is None, "email is no address"),
        )
        if is_wrong
    ]
    if problems:
        raise Refused("; ".join(problems))


def _mailbox(order: RunMlInference) -> tuple[str, str]:
    name, _, domain = order.email.lower().partition("@")
    return name, domain


def _digit_share(name: str) -> float:
    return sum(character.isdigit() for character in name) / len(name)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
