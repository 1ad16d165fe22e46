"""What the tests of the local stack share: waiting to a deadline, and processes that are ended for certain."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import waiting

PROJECT = Path(__file__).parents[3]
DEADLINE_SECONDS = 30.0

eventually = waiting.eventually_blocking


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
    return [sys.executable, "-m", "devstack.postgres.server", "--home", str(home), "--port", str(port)]
