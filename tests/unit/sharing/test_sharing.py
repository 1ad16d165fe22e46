"""Which tests go to one worker."""

import pytest

from tests.sharing import stack_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("nodeid", "shared"),
    [
        ("tests/e2e/tasks/test_audit.py::test_one[a::b]", "tests/e2e/tasks"),
        ("tests/e2e/tasks/test_failures.py::test_one", "tests/e2e/tasks"),
        ("tests/e2e/test_one.py::test_it[a]", "tests/e2e/test_one.py"),
        ("tests/failure_injection/test_matrix.py::test_cell[a]", "tests/failure_injection/test_matrix.py"),
        ("tests/unit/saga/test_saga.py::test_one", "tests/unit/saga/test_saga.py"),
    ],
)
def test_a_folder_below_e2e_shares_a_stack_and_elsewhere_a_file(nodeid: str, shared: str) -> None:
    """So that none is started once for each worker."""
    assert shared == stack_of(nodeid)
