"""What holds for all tests."""

import os
import signal
from pathlib import Path

import pytest

from devstack.ports import TEST_SHARE

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, and give each of several workers ports of its own.

    A shell's background job ignores Ctrl-C, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[TEST_SHARE] = f"{worker.removeprefix('gw')}/{os.environ['PYTEST_XDIST_WORKER_COUNT']}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers a file's tests stay together, and a folder's under e2e: they share a stack.

    Before xdist looks: it reads the groups in the same hook.
    """
    for item in items:
        place = item.path.relative_to(TESTS)
        item.add_marker(pytest.mark.xdist_group(str(place.parent if place.parts[0] == "e2e" else place)))
