"""What holds for all tests."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped] # it has no types

from devstack.ports import TEST_SHARE


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, and give each of several workers ports of its own.

    A shell's background job ignores Ctrl-C, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[TEST_SHARE] = f"{worker.removeprefix('gw')}/{os.environ['PYTEST_XDIST_WORKER_COUNT']}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Together":  # noqa: ANN401 - xdist's own
    """With several workers, keep together what shares a stack."""
    return Together(config, log)


class Together(LoadScopeScheduling):  # type: ignore[misc] # as above
    """A file's tests stay with one worker, and a folder's under e2e.

    By hand, because xdist 3.8 doesn't see its own groups under pytest 9.2: it puts them where that no longer looks.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return str(Path(file).parent) if file.startswith("tests/e2e/") else file
