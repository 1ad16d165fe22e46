"""Tests that break the real stack as planned. Each module has a stack of its own, so that no other is disturbed."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever lives in this folder needs the whole stack."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)
