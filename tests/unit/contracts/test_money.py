"""Amounts as a person reads them."""

import pytest

from payment_gateway.bodies import CURRENCIES
from shared.money import money

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (4200, "EUR", "42.00 EUR"),
        (1500, "JPY", "1,500 JPY"),
        (1500, "KRW", "1,500 KRW"),
        (199_000, "HUF", "1,990.00 HUF"),
        (1500, "KWD", "1.500 KWD"),
        (1, "USD", "0.01 USD"),
        (-150, "EUR", "-1.50 EUR"),
        (0, "SEK", "0.00 SEK"),
        (10**15, "EUR", "10,000,000,000,000.00 EUR"),
        (12, "XAU", "12 minor units of XAU"),
        (12, "ZZZ", "12 minor units of ZZZ"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(minor: int, currency: str, words: str) -> None:
    assert words == money(minor, currency)


def test_whatever_the_gateway_settles_can_be_written() -> None:
    assert not [currency for currency in CURRENCIES if "minor units" in money(1, currency)]
