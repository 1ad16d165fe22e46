"""docs/failures.md names a test for every failure, and each test that a page names exists."""

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

PROJECT = Path(__file__).parents[3]
PAGES = sorted((PROJECT / "docs").glob("*.md"))
DOCUMENT = (PROJECT / "docs" / "failures.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_named_test_exists(page: Path) -> None:
    """A promise whose proof was renamed or removed is noticed."""
    missing = {
        f"{file}::{name}" for file, name in NAMED.findall(page.read_text()) if name not in names_in(PROJECT / file)
    }

    assert missing == set()


def test_every_row_names_its_test() -> None:
    """No failure is described that nothing proves."""
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| ") and not line.startswith("| what happens")]

    assert rows
    assert [row for row in rows if not NAMED.search(row)] == []


def names_in(file: Path) -> set[str]:
    if not file.exists():
        return set()
    definitions = ast.walk(ast.parse(file.read_text()))
    return {node.name for node in definitions if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
