"""What `make test` leaves to `make test-all` is one more case of what it runs."""

import pytest

from saga_testing.matrix.cells import cells_of
from saga_testing.matrix.expectations import RULES
from tests.order_saga.matrix import SHOP, one_per_rule

pytestmark = pytest.mark.unit

CELLS = list(cells_of(SHOP))


def test_every_rule_of_the_matrix_keeps_one_cell() -> None:
    """A rule without a cell in `make test` would be checked in memory only."""
    kept = [(cell.kind, cell.variant) for cell in CELLS if cell.id in one_per_rule(CELLS)]

    assert sorted(kept) == sorted((kind, variant) for kind, rules in RULES.items() for variant in rules)


def test_every_activity_of_the_saga_keeps_a_cell() -> None:
    """The cells that stay are spread over all participants."""
    assert {cell.activity for cell in CELLS if cell.id in one_per_rule(CELLS)} == set(SHOP.activities)
