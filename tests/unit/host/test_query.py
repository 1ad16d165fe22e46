"""Numbers in the query of a request."""

from http import HTTPStatus

import pytest

from shared.web.paging import number_in
from shared.web.problems import ProblemError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("query", "limit"), [({}, 50), ({"limit": "1"}, 1), ({"limit": "200"}, 200), ({"limit": "007"}, 7)]
)
def test_a_number_is_read(query: dict[str, str], limit: int) -> None:
    """Left out, it has a default."""
    assert number_in(query, "limit", 50, lowest=1, highest=200) == limit


@pytest.mark.parametrize(
    "value",
    ["", "0", "201", "-1", "+1", "1.0", " 1", "ten", "²", "٣", "9" * 5000, "0000001000", "000200000", "0" * 5000],
)
def test_a_senseless_number_is_refused(value: str) -> None:
    """422 with a sentence that names the parameter, and stays short however long the value."""
    with pytest.raises(ProblemError) as caught:
        number_in({"limit": value}, "limit", 50, lowest=1, highest=200)

    assert caught.value.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert caught.value.detail.startswith("limit must be a whole number from 1 to 200, not ")
    assert len(caught.value.detail) < 150
