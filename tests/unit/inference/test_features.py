"""What the model sees of an order, and what it refuses to look at."""

from typing import Any

import numpy as np
import pytest

from ml_inference_service.features import NAMES, features_of
from shared.participant.errors import Refused
from tests.unit.inference.orders import RISKY, the_facts

pytestmark = pytest.mark.unit


def test_features_are_one_row_of_float32_in_the_order_of_their_names() -> None:
    """The model knows columns by their place, and its trees compare in float32."""
    features = features_of(RISKY)

    assert features.shape == (1, len(NAMES))
    assert features.dtype == np.float32
    row = dict(zip(NAMES, features[0].tolist(), strict=True))
    assert (row["orders_last_day"], row["distinct_skus"], row["mailbox_length"]) == (6, 1, 11)
    assert (row["is_abroad"], row["is_free_mail"], row["is_throwaway_mail"]) == (1, 0, 1)
    assert row["mailbox_digit_share"] == pytest.approx(6 / 11)
    assert row["log_cents_per_unit"] == pytest.approx(np.log1p(250_000 / 9))


def test_letter_case_and_blanks_change_nothing() -> None:
    """Shipping reads a country in the same way."""
    assert (features_of(the_facts(country=" de ")) == features_of(the_facts(country="DE"))).all()
    assert (features_of(the_facts(email="ADA@GMAIL.COM")) == features_of(the_facts(email="ada@gmail.com"))).all()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"total_cents": 0}, "total_cents is 0: must be above 0"),
        ({"total_cents": -5}, "total_cents"),
        ({"currency": "JPY"}, "the model knows no 'JPY': CHF, EUR, GBP, USD only"),
        ({"units": 0}, "units is 0"),
        ({"units": 10**9}, "units"),
        ({"distinct_skus": 0}, "distinct_skus"),
        ({"distinct_skus": 3}, "distinct_skus is 3: must be 1 to the number of units"),
        ({"orders_last_day": -1}, "orders_last_day"),
        ({"country": "Germany"}, "country is 'Germany': must be two letters"),
        ({"email": "ada"}, "email is no address"),
        ({"email": "@x"}, "email is no address"),
    ],
)
def test_facts_that_cannot_be_true_are_refused(changes: dict[str, Any], sentence: str) -> None:
    """A score of nonsense would be taken for a score; no retry helps, so it is a refusal."""
    with pytest.raises(Refused, match=sentence):
        features_of(the_facts(**changes))


def test_all_problems_are_reported_together() -> None:
    """One look is enough to correct a caller."""
    with pytest.raises(Refused, match=r"total_cents .*; units .*; country "):
        features_of(the_facts(total_cents=0, units=0, country=""))
