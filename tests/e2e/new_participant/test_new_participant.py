"""`shop new participant`, in a copy of the tree: what it writes checks, runs, is undone, and adds up."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from devstack.programs.build import ensure_runtime
from devstack.settings import load_settings
from saga_testing.matrix.cells import cells_of
from tests.failure_injection.mutations import copied_to, run_tests
from tests.order_saga.matrix import SHOP

GIFT: Final = ("gift", "--do", "wrap_gift", "--undo", "unwrap_gift", "--after", "process_payment")
BY_HAND: Final = ("shared/shop/gift.py", "gift_service/store.py", "order_service/workflow.py")
"""What is left to a person."""
CHECK_SECONDS: Final = 500


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project, committed, with the tools of this one."""
    tree = copied_to(tmp_path_factory.mktemp("new") / "shop")
    tools = Path(sys.executable).parent.parent
    (tree / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (tree / ".venv" / name).symlink_to(tools / name)
    git(tree, "init", "-q")
    commit(tree)
    yield tree
    shutil.rmtree(tree)


@pytest.fixture(scope="module")
def gift(tree: Path) -> Path:
    """The copy with another participant, and nothing else done to it."""
    ended = new(tree, *GIFT)
    assert ended.returncode == 0, ended.stderr
    assert all(f"  {path}    " in ended.stdout for path in BY_HAND)
    commit(tree)
    # What `make` would install anew, since pyproject.toml has changed.
    (tree / ".venv" / ".installed").touch()
    return tree


def new(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "cli", "new", "participant", *arguments]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def git(tree: Path, *arguments: str) -> str:
    me = ("-c", "user.name=tests", "-c", "user.email=tests@example.org")
    return subprocess.run(["git", *me, *arguments], cwd=tree, capture_output=True, text=True, check=True).stdout


def commit(tree: Path) -> None:
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "so far")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*GIFT[:-1], "process_paymen"), "did you mean process_payment?"),
        (("payment", *GIFT[1:]), "the name 'payment' is taken"),
        (("Gift", *GIFT[1:]), "'Gift' can't be a name"),
        (("gift", "--do", "wrap", *GIFT[3:]), "'wrap' can't be an activity"),
        (("gift", "--do", "book_shipment", *GIFT[3:]), "exist already"),
        (("core", *GIFT[1:]), "CORE means something else"),
        (("gift", "--do", "order_status", *GIFT[3:]), "OrderStatus means something else"),
        (("outbox", *GIFT[1:]), "there is one of that name already"),
        (("relay", *GIFT[1:]), "there is one of that name already"),
        (("customer-referrals", *GIFT[1:]), "can't be a name"),
    ],
)
def test_senseless_names_change_nothing(tree: Path, arguments: tuple[str, ...], sentence: str) -> None:
    ended = new(tree, *arguments)

    assert (ended.returncode, sentence in ended.stderr) == (2, True), ended.stderr
    assert git(tree, "status", "--porcelain") == ""


def test_a_tree_with_uncommitted_changes_is_left_alone(tree: Path) -> None:
    """Nobody could tell them from what the command writes."""
    (tree / "notes.txt").write_text("mine")

    ended = new(tree, *GIFT)

    assert (ended.returncode, "uncommitted changes" in ended.stderr) == (2, True), ended.stderr
    assert git(tree, "status", "--porcelain") == "?? notes.txt\n"
    (tree / "notes.txt").unlink()


def test_a_failure_on_the_way_leaves_the_tree_as_it_was(tree: Path) -> None:
    """Half a participant would be nobody's."""
    (tree / "tests" / "golden" / "__main__.py").write_text("raise SystemExit('no golden')")
    commit(tree)

    ended = new(tree, *GIFT)

    assert (ended.returncode, "no golden" in ended.stderr) == (2, True), ended.stderr
    assert git(tree, "status", "--porcelain") == ""
    git(tree, "reset", "--hard", "-q", "HEAD~1")


@pytest.mark.timeout(CHECK_SECONDS)
def test_the_new_tree_checks(gift: Path) -> None:
    """Format, lint, types, imports and unit tests, of which several know the steps of the order saga."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MAKE"))}
    checked = subprocess.run(["make", "check"], cwd=gift, env=inherited, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout[-4000:] + checked.stderr[-2000:]


@pytest.mark.timeout(CHECK_SECONDS)
def test_its_own_tests_and_those_of_its_books_are_green(gift: Path) -> None:
    """Its fence on a real Postgres, and its rule, which is kept and broken."""
    outcomes = run_tests(gift, ["tests/integration/gift", "tests/integration/conservation"])

    assert "test_a_broken_rule_is_named[gift_belongs_to_its_order]" in outcomes
    assert {name for name, outcome in outcomes.items() if outcome != "green"} == set()


@pytest.mark.timeout(CHECK_SECONDS)
def test_orders_run_through_the_new_step_and_back(gift: Path) -> None:
    """Its cells of the matrix on a stack of its own, which ends with the conservation check."""
    runtime = ensure_runtime(load_settings(), print).folder

    cells = run_tests(gift, ["tests/failure_injection/test_matrix.py", "-k", "wrap_gift"], DAPR_BIN_DIR=str(runtime))

    as_many = [cell for cell in cells_of(SHOP) if cell.activity in {"process_payment", "refund_payment"}]
    assert len(cells) == len(as_many)
    assert {name for name, outcome in cells.items() if outcome != "green"} == set()
