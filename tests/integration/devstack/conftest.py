"""State folders for the tests of the local stack."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.devstack.small import SmallStack


@pytest.fixture
def home() -> Iterator[Path]:
    """A state folder that other users can reach, should root have to become one to run Postgres."""
    folder = Path(tempfile.mkdtemp(prefix="saga-shop-devstack-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def module_home() -> Iterator[Path]:
    """As `home`, for a whole module."""
    folder = Path(tempfile.mkdtemp(prefix="saga-shop-devstack-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stack(home: Path) -> SmallStack:
    """Three small processes under the real supervisor."""
    return SmallStack(home)
