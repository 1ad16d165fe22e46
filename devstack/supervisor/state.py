"""What a running supervisor writes down, so that others can find it, and its heirs what it left."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from signal import Signals

import psutil

from devstack.errors import AlreadyRunningError
from devstack.postgres.passwords import write_private


def start_time(pid: int) -> float:
    """When a process was started, on a scale that no correction of the clock moves; 0 when it is gone."""
    try:
        # Linux: clock ticks since the machine's start. The name before it may hold spaces and brackets.
        return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except FileNotFoundError:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid).create_time()
    except OSError:
        return 0.0
    return 0.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that can be told from a later one that got the same id."""

    pid: int
    started: float
    stop_signal: int = Signals.SIGTERM

    def find(self) -> psutil.Process | None:
        """The process itself, while it lives."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if start_time(self.pid) == self.started and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


@dataclass(frozen=True)
class StackState:
    """The content of state.json."""

    phase: str
    supervisor: ProcessIdentity
    control_url: str
    token: str = field(repr=False)
    mode: str
    addresses: Mapping[str, str]
    processes: Mapping[str, ProcessIdentity]

    def write(self, file: Path) -> None:
        """Replace the file at once; only its owner can read it, for it holds the control token."""
        write_private(file, json.dumps(asdict(self), indent=2))


def read_state(file: Path) -> StackState | None:
    """The state that a supervisor left, or None when there is none that can be read."""
    try:
        raw = json.loads(file.read_text())
        return StackState(
            phase=raw["phase"],
            supervisor=ProcessIdentity(**raw["supervisor"]),
            control_url=raw["control_url"],
            token=raw["token"],
            mode=raw["mode"],
            addresses=raw["addresses"],
            processes={name: ProcessIdentity(**identity) for name, identity in raw["processes"].items()},
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def supervisor_lock(run_folder: Path) -> Iterator[None]:
    """Hold the state folder; a second holder gets `AlreadyRunningError`. The kernel frees it when we die."""
    run_folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run_folder / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"the stack of {run_folder.parent} already runs") from None
        yield
    finally:
        os.close(descriptor)
