"""Refusals: each has a sentence, and a status that the HTTP surface answers with."""

import pytest

from order_service.api.problems import STATUSES
from order_service.errors import OrderError
from shared.web.requests import RequestRefusedError

pytestmark = pytest.mark.unit


def leaves(error: type[RequestRefusedError]) -> set[type[RequestRefusedError]]:
    below = error.__subclasses__()
    return {error} if not below else set().union(*map(leaves, below))


def test_every_refusal_has_a_status() -> None:
    """One that is forgotten would be a mistake of the service, at its first use."""
    assert len(leaves(OrderError)) > 10
    assert leaves(OrderError) <= STATUSES.keys()


def test_every_refusal_has_a_sentence() -> None:
    """As a string: `python -OO` takes docstrings away."""
    assert all(error.sentence.endswith(".") for error in leaves(RequestRefusedError))
