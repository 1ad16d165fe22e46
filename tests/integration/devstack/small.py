"""Drives the small stack of `small_stack.py` in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from devstack.supervisor.client import StackClient
from devstack.supervisor.state import read_state
from devstack.topology.addresses import free_block, is_free
from tests.integration.devstack.harness import PROJECT, eventually, running

SMALL_STACK_COMMAND = [sys.executable, str(Path(__file__).with_name("small_stack.py"))]


class SmallStack:
    """The small stack of one state folder."""

    def __init__(self, home: Path, network: str = "loopback") -> None:
        self.home = home
        self._network = network
        self.base_port = free_block(10)
        self.client = StackClient(home)
        self.log = home / "supervisor.log"
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SHOP_HOME": str(self.home),
            "SHOP_BASE_PORT": str(self.base_port),
            "SHOP_API_PORT": "9999",
            "SHOP_NETWORK": self._network,
            "PYTHONPATH": str(PROJECT),
        }

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A supervisor process; nothing of it is left at the end, whatever the test did."""
        try:
            with running([*SMALL_STACK_COMMAND, *arguments], self.environment, self.log) as process:
                self._supervisor = process
                yield process
        finally:
            self.end_orphans()

    def up(self) -> None:
        """Wait until all is ready; a supervisor that ended instead is said to have, with its last words."""
        eventually(lambda: self.phase == "up" or self._ended, "the stack is up")
        if self.phase != "up":
            pytest.fail(f"the supervisor ended instead of being up:\n{self.said}")

    @property
    def _ended(self) -> bool:
        return self._supervisor is not None and self._supervisor.poll() is not None

    @property
    def phase(self) -> str | None:
        state = read_state(self.home / "run" / "state.json")
        return state.phase if state is not None and state.supervisor.find() is not None else None

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def stop_order(self) -> list[str]:
        file = self.home / "stopped.txt"
        return file.read_text().split() if file.exists() else []

    def processes(self) -> list[psutil.Process]:
        state = read_state(self.home / "run" / "state.json")
        found = [identity.find() for identity in state.processes.values()] if state else []
        return [process for process in found if process is not None]

    def end_orphans(self) -> None:
        for process in self.processes():
            process.kill()

    def ports_are_free(self) -> bool:
        return all(is_free(self.base_port + offset) for offset in range(4))
