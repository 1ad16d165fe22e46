"""ARCHITECTURE.md lists the files of the happy path, and they stay few."""

import re
from typing import Final

import pytest

from devstack.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

MOST_FILES: Final = 15
MOST_LINES: Final = 2600


def test_the_happy_path_is_short() -> None:
    """One sitting: the number of files and lines is a promise to whoever reads the code for the first time."""
    listed = re.findall(r"^\| \d+ \| `([\w/]+\.py)` \|", (PROJECT_ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE)

    assert 0 < len(listed) <= MOST_FILES
    assert sum(len((PROJECT_ROOT / file).read_text().splitlines()) for file in listed) <= MOST_LINES
