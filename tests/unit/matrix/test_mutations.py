"""The quick half of `make mutations`: breaks of the saga, noticed by the matrix in memory; the fence's need a stack."""

import shutil
from pathlib import Path

import pytest

from devstack.settings import PROJECT_ROOT
from saga_testing.matrix.cells import cells_of
from tests.failure_injection.mutations import ALL_CELLS, MUTATIONS, Mutation, copied_to, run_tests
from tests.order_saga.matrix import SHOP

pytestmark = pytest.mark.unit

OF_THE_SAGA = [mutation for mutation in MUTATIONS if mutation.file.startswith("shared/saga/")]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_break_still_has_its_place(mutation: Mutation, tmp_path: Path) -> None:
    """A mutation check whose edits no longer fit would be found out only when somebody runs it."""
    (tmp_path / mutation.file).parent.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / mutation.file, tmp_path / mutation.file)

    mutation.apply(tmp_path)

    assert (tmp_path / mutation.file).read_text() != (PROJECT_ROOT / mutation.file).read_text()


def test_a_break_without_a_place_is_an_error(tmp_path: Path) -> None:
    """Code that has moved is reported, and nothing is left unbroken in silence."""
    mutation = Mutation("gone", "code.py", "what was there", "something else", ())
    (tmp_path / "code.py").write_text("what is there now")

    with pytest.raises(ValueError, match="isn't there any more"):
        mutation.apply(tmp_path)


def test_named_cells_exist() -> None:
    """A cell that was renamed notices nothing."""
    assert set(ALL_CELLS) <= {cell.id for cell in cells_of(SHOP)}


@pytest.mark.parametrize("mutation", OF_THE_SAGA, ids=lambda mutation: mutation.name)
def test_a_broken_saga_turns_its_cells_red(mutation: Mutation, tmp_path: Path) -> None:
    """The named cells, and no cell that the break has nothing to do with."""
    tree = copied_to(tmp_path / "tree")
    mutation.apply(tree)

    outcomes = run_tests(tree, ["tests/unit/matrix/test_cells.py", "-k", "rule_demands"])

    for cell in mutation.cells:
        assert outcomes[f"test_a_cell_ends_as_its_rule_demands[{cell}]"] == "red"
    assert outcomes["test_a_cell_ends_as_its_rule_demands[process_payment-do-fail]"] == "green"
