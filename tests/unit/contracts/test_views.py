"""The documents' own kinds of values."""

import pytest
from pydantic import TypeAdapter

from shared.web.bodies import Age

pytestmark = pytest.mark.unit


def test_a_row_that_is_younger_than_its_reader_has_no_age() -> None:
    """A transaction's time is that of its beginning: a row that came since seems to be of the future."""
    adapter: TypeAdapter[float] = TypeAdapter(Age)

    assert [0.0, 1.235] == [adapter.validate_python(seconds) for seconds in (-0.001, 1.23456)]
    assert {"type": "number", "minimum": 0} == adapter.json_schema()
