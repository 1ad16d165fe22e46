"""Orders for the model's tests."""

from typing import Any

from shared.shop.inference import RunMlInference


def the_facts(**changes: Any) -> RunMlInference:  # noqa: ANN401 - any field of the message
    """An order as honest people place it."""
    facts = {
        "total_cents": 4200,
        "currency": "EUR",
        "units": 2,
        "distinct_skus": 2,
        "country": "DE",
        "email": "ada.lovelace@example.org",
        "orders_last_day": 0,
    }
    return RunMlInference(**{**facts, **changes})


RISKY = the_facts(
    total_cents=250_000,
    units=9,
    distinct_skus=1,
    country="NG",
    email="x7q93k0z2v8@mailinator.com",
    orders_last_day=6,
)
