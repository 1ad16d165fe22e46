"""What holds for all tests."""

import os
import signal

import pytest
from xdist.remote import Producer

from devstack.topology.addresses import TEST_SHARE
from tests.sharing import OneWorkerPerStack


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start, and give each of several workers ports of its own.

    A shell's background job ignores Ctrl-C, and hands that on to its children.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ[TEST_SHARE] = f"{worker.removeprefix('gw')}/{os.environ['PYTEST_XDIST_WORKER_COUNT']}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneWorkerPerStack:
    return OneWorkerPerStack(config, log)
