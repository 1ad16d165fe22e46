"""What the tests of the local stack share: waiting to a deadline, and processes that are ended for certain."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
DEADLINE_SECONDS = 30.0
POLL_SECONDS = 0.05


def eventually(holds: Callable[[], object], what: str, deadline_seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as the condition holds; fail at the deadline."""
    deadline = time.monotonic() + deadline_seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {deadline_seconds:.0f} s")
        time.sleep(POLL_SECONDS)


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, as a supervisor starts it; interrupted, then killed, at the end."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def postgres_command(home: Path, port: int) -> list[str]:
    """What the topology runs."""
    return [sys.executable, "-m", "devstack.postgres", "--home", str(home), "--port", str(port)]
