"""A stack for one run of chaos: in a folder and on ports of its own, so that nobody's running stack is touched."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.errors import StartFailedError
from devstack.network.namespaces import missing_for_namespaces
from devstack.settings import PROJECT_ROOT, Mode, NetworkKind, StackSettings
from devstack.supervisor.client import StackClient
from devstack.supervisor.own_stack import fresh_settings, own_environment

START_WITHIN_SECONDS = 180.0


def network_for(home: Path, notify: Callable[[str], None]) -> NetworkKind:
    """Hosts that can be cut off, where this machine allows them."""
    missing = missing_for_namespaces(home)
    if missing is None:
        return NetworkKind.NAMESPACES
    notify(f"no partitions in this run: {missing}")
    return NetworkKind.LOOPBACK


def settings_for(home: Path, network: NetworkKind, notify: Callable[[str], None]) -> StackSettings:
    """The settings of a stack on free ports in this folder."""
    return fresh_settings(home, notify, mode=Mode.TEST, network=network)


@contextmanager
def own_stack(settings: StackSettings) -> Iterator[StackClient]:
    """The stack, up and ready; stopped at the end, its folder kept.

    Raises:
        StartFailedError: with what it said.
    """
    stack = StackClient(settings.home)
    try:
        started = subprocess.run(
            [sys.executable, "-m", "cli", "up", "--detach", "--only", "core"],
            cwd=PROJECT_ROOT,
            env=own_environment(settings.environment()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=START_WITHIN_SECONDS,
        )
        if started.returncode != 0:
            raise StartFailedError(f"the stack for this run did not start:\n{started.stdout}")
        yield stack
    finally:
        if stack.is_running():
            stack.shutdown()


def remove(home: Path) -> None:
    """Delete what a run left that nobody has to look into."""
    shutil.rmtree(home, ignore_errors=True)
