"""The engine stands alone: both sides of a call and the tests of a saga need nothing of the shop."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from devstack.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

ALONE: Final = (
    "shared/contracts",
    "shared/saga",
    "shared/participant",
    "shared/migrations",
    "shared/service",
    "shared/web",
    "shared/workflows",
    "saga_testing",
)
ABSENT: Final = (
    "shared.shop",
    "shared.events",
    "cli",
    "devstack",
    "examples",
    "bench",
    "tests",
    "event_relay",
    "local_mailbox",
    "payment_gateway",
    *(folder.name for folder in PROJECT_ROOT.glob("*_service")),
)
IMPORT_ALL: Final = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in ABSENT):
            raise ModuleNotFoundError(f"{name} is of the shop")

ABSENT = sys.argv[1].split()
sys.meta_path.insert(0, Absent())
for module in sys.argv[2].split():
    importlib.import_module(module)
"""


def modules_of(folder: str) -> list[str]:
    """Every module below the folder that isn't run by Alembic, which makes `alembic.context` first."""
    files = sorted(Path(PROJECT_ROOT, folder).rglob("*.py"))
    return [".".join(file.relative_to(PROJECT_ROOT).with_suffix("").parts) for file in files if file.stem != "env"]


@pytest.mark.parametrize("folder", ALONE)
def test_it_imports_nothing_of_the_shop(folder: str) -> None:
    """Whoever clones the engine takes these folders, and leaves every service and every message of the shop."""
    modules = modules_of(folder)
    assert modules

    ended = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, " ".join(ABSENT), " ".join(modules)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
