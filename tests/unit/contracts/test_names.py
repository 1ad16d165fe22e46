"""A name that Dapr or Postgres routes by stands once: in the declaration of its app."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from devstack.settings import PROJECT_ROOT
from shared.shop.registry import SHOP

pytestmark = pytest.mark.unit

NAMES: Final = (
    {app.app_id for app in SHOP.apps}
    | {app.package for app in SHOP.apps}
    | {contract.activity for contract in SHOP.contracts}
    | {workflow for app in SHOP.apps for workflow in app.registered_workflows}
)
DECLARED: Final = ("shared/shop/", "tests/", "/migrations/", ".venv/", ".shop/")
FILES: Final = [
    file
    for file in sorted(PROJECT_ROOT.rglob("*.py"))
    if not any(place in f"/{file.relative_to(PROJECT_ROOT)}".replace("/tests/", "tests/", 1) for place in DECLARED)
]


def names_in(file: Path) -> Iterator[str]:
    """The string constants of a file that are one of the names, and nothing more."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield f"{file.relative_to(PROJECT_ROOT)}:{node.lineno}: {node.value}"


def test_no_name_is_written_a_second_time() -> None:
    """A copy is what a renamed app or activity forgets."""
    assert FILES
    assert [found for file in FILES for found in names_in(file)] == []
